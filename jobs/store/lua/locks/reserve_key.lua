-- Reserve an idempotency key, or return its state: pending, or known with the fingerprint and job id.
local idem = key('idem', arg.owner, arg.idem)
if redis.call('SET', idem, 'pending', 'NX', 'PX', arg.ttl) then return {'new'} end
local known = redis.call('GET', idem)
if known == 'pending' then return {'pending'} end
local fingerprint, id = string.match(known, '^([^|]*)|(.*)$')
return {'known', fingerprint, id}
