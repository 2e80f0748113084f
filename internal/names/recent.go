package names

// recent keeps what was used last, between limit and twice limit of it: when the young
// are limit many they become old, and the old that nobody has asked for since go.
type recent[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func newRecent[K comparable, V any](limit int) recent[K, V] {
	return recent[K, V]{limit: limit, young: make(map[K]V)}
}

func (r *recent[K, V]) empty() bool { return len(r.young) == 0 && len(r.old) == 0 }

func (r *recent[K, V]) get(k K) (V, bool) {
	v, ok := r.young[k]
	if ok {
		return v, true
	}
	if v, ok = r.old[k]; ok {
		r.put(k, v)
	}
	return v, ok
}

func (r *recent[K, V]) put(k K, v V) {
	if len(r.young) >= r.limit {
		r.age()
	}
	r.young[k] = v
}

func (r *recent[K, V]) remove(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

func (r *recent[K, V]) age() {
	r.old, r.young = r.young, make(map[K]V)
}
