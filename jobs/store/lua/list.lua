-- Return a page of the records of an owner after the cursor, newest first: the ids sort by time.
local index = arg.status and key('owned', arg.owner, arg.status) or key('owned', arg.owner)
local from = arg.cursor and ('(' .. arg.cursor) or '+'
local ids = redis.call('ZREVRANGEBYLEX', index, from, '-', 'LIMIT', 0, arg.limit + 1)
local page = {}
for i = 1, math.min(#ids, arg.limit) do
  local found = view(ids[i])
  if found then
    page[#page + 1] = found
  else
    redis.call('ZREM', index, ids[i]) -- the record is gone
  end
end
return {page, #ids > arg.limit and ids[arg.limit] or false}
