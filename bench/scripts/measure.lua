-- Runs a workload once and prints its result and the seconds of processor time that it took.
return function(run)
    local start = os.clock()
    local result = run()
    local seconds = os.clock() - start
    print(string.format("%d %.6f", result, seconds))
end
