"""Ingest script: what Redis does atomically for the new events of one user."""

# KEYS: history, window, standing, version, stream, then one key per event id.
# ARGV: seconds an event id is remembered, history length, window length, top_p, stream length, then per event:
#       history entry, window entry, event_id, user_id, item_id, event_time_s, type, request_id ("" for none).
#       Events are ordered by time. Returns 1 per event that was new, 0 per repeated one.
# The version becomes the id of the last stream entry: no id comes twice, not even for a user erased in between.
# A late event is put where its time belongs, after stored events of the same second.
INGEST_SCRIPT = """
local history, window, standing, version, stream = unpack(KEYS, 1, 5)
local id_ttl, history_cap, window_cap = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local top_p, stream_cap = tonumber(ARGV[4]), ARGV[5]

local function time_of(entry)
  return (struct.unpack('>I8', entry))
end

local function push(key, entries)
  for from = 1, #entries, 1000 do
    redis.call('RPUSH', key, unpack(entries, from, math.min(from + 999, #entries)))
  end
end

local function insert(key, entries, cap)
  local first = time_of(entries[1])
  local later = {}
  while true do
    local last = redis.call('LINDEX', key, -1)
    if not last or time_of(last) <= first then break end
    later[#later + 1] = redis.call('RPOP', key)
  end
  local merged, stored = {}, #later
  for _, entry in ipairs(entries) do
    while stored > 0 and time_of(later[stored]) <= time_of(entry) do
      merged[#merged + 1] = later[stored]
      stored = stored - 1
    end
    merged[#merged + 1] = entry
  end
  for index = stored, 1, -1 do merged[#merged + 1] = later[index] end
  push(key, merged)
  redis.call('LTRIM', key, -cap, -1)
end

local function update_standing()
  local counts, latest, values, sequence = {}, {}, {}, 0
  for _, entry in ipairs(redis.call('LRANGE', window, 0, -1)) do
    for value in string.gmatch(string.sub(entry, 9), '[^\\n]+') do
      sequence = sequence + 1
      if not counts[value] then
        counts[value] = 0
        values[#values + 1] = value
      end
      counts[value] = counts[value] + 1
      latest[value] = sequence
    end
  end
  table.sort(values, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return latest[a] > latest[b]
  end)
  if #values == 0 then
    redis.call('DEL', standing)
  else
    redis.call('SET', standing, table.concat(values, '\\n', 1, math.min(top_p, #values)))
  end
end

local added, history_entries, window_entries, newest = {}, {}, {}, nil
for event = 1, #KEYS - 5 do
  local at = 5 + (event - 1) * 8
  if redis.call('SET', KEYS[5 + event], '1', 'NX', 'EX', id_ttl) then
    added[event] = 1
    history_entries[#history_entries + 1] = ARGV[at + 1]
    window_entries[#window_entries + 1] = ARGV[at + 2]
    newest = redis.call('XADD', stream, 'MAXLEN', '~', stream_cap, '*', 'kind', 'event', 'event_id', ARGV[at + 3],
      'user_id', ARGV[at + 4], 'item_id', ARGV[at + 5], 'event_time_s', ARGV[at + 6],
      'type', ARGV[at + 7], 'request_id', ARGV[at + 8])
  else
    added[event] = 0
  end
end
if #history_entries > 0 then
  insert(history, history_entries, history_cap)
  insert(window, window_entries, window_cap)
  update_standing()
  redis.call('SET', version, newest)
end
return added
"""
