-- Return what the live workers announce, sorted by id, and forget the workers that are gone.
local found = {}
local ids = redis.call('ZRANGE', key('workers'), 0, -1)
table.sort(ids)
for _, id in ipairs(ids) do
  local announced = redis.call('GET', key('worker', id))
  if announced then found[#found + 1] = announced else redis.call('ZREM', key('workers'), id) end
end
return found
