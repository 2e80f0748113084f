package probe

// waits is a distribution of times in microseconds, as struct waits in bpf/maps.h: four
// buckets for each octave (wait_bucket, bpf/listen.h).
type waits [128]uint32

// since is the median and the 99th percentile of what has come since before, to an
// eighth; any is false where nothing has.
func (w *waits) since(before *waits) (p50, p99 uint32, any bool) {
	var total uint64
	for i := range w {
		total += uint64(w[i] - before[i])
	}
	if total == 0 {
		return 0, 0, false
	}
	return w.quantile(before, (total+1)/2), w.quantile(before, total-total/100), true
}

// quantile is the time that the nth of the waits since before took, the shortest first.
func (w *waits) quantile(before *waits, n uint64) uint32 {
	var seen uint64
	for i := range w {
		if seen += uint64(w[i] - before[i]); seen >= n {
			return waitOf(uint32(i))
		}
	}
	return 0
}

// waitOf is the middle of a bucket, in microseconds.
func waitOf(bucket uint32) uint32 {
	if bucket < 8 {
		return bucket
	}
	shift := bucket/4 - 1
	return (4+bucket%4)<<shift + 1<<shift/2
}
