-- Reserve an idempotency key, or return what is known of it.
local idem = key('idem', arg.owner, arg.idem)
if redis.call('SET', idem, 'pending', 'NX', 'PX', arg.ttl) then return {'new'} end
local known = redis.call('GET', idem)
if known == 'pending' then return {'pending'} end
local fingerprint, id = string.match(known, '^([^|]*)|(.*)$')
return {'known', fingerprint, id}
