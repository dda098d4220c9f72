-- Lists longer than what one call takes (unpack ends at some 7,000 values): `act` is called with from and to of each part.
local function in_chunks(list, act)
  for from = 1, #list, 1000 do
    act(from, math.min(from + 999, #list))
  end
end
