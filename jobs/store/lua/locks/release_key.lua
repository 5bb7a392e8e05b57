-- Release a reserved idempotency key.
local idem = key('idem', arg.owner, arg.idem)
if redis.call('GET', idem) == 'pending' then redis.call('DEL', idem) end
return 1
