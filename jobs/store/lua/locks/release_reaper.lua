-- End a round of the reaper; the next one may start after a pause.
if redis.call('GET', key('reaper')) ~= arg.me then return 0 end
redis.call('DEL', key('reaper'))
redis.call('SET', key('reaped'), 1, 'PX', arg.pause)
return 1
