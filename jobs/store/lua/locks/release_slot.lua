-- Release a device slot if this worker holds it.
local slot = key('slot', arg.slot)
if redis.call('GET', slot) == arg.worker then redis.call('DEL', slot) end
