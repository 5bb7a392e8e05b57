-- Return one record of this owner.
local owner = redis.call('HGET', key('job', arg.id), 'owner')
if not owner or (arg.owner and arg.owner ~= owner) then return false end
return view(arg.id)
