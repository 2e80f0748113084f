package flow

import (
	"cmp"
	"container/heap"
	"slices"
)

// ranking keeps the records that moved most: once it is full, as a heap with the
// least of them on top.
type ranking struct {
	records []Record
	heaped  bool
}

// offer takes r; what finds no room is folded into rest.
func (k *ranking) offer(r Record, room int, rest *Record) {
	if len(k.records) < room {
		k.records = append(k.records, r)
		return
	}
	if !k.heaped {
		heap.Init(k)
		k.heaped = true
	}
	if order(&r, &k.records[0]) >= 0 {
		rest.fold(&r)
		return
	}
	rest.fold(&k.records[0])
	k.records[0] = r
	heap.Fix(k, 0)
}

// sorted are the records, those that moved most first.
func (k *ranking) sorted() []Record {
	slices.SortFunc(k.records, func(a, b Record) int { return order(&a, &b) })
	return k.records
}

func order(a, b *Record) int {
	return cmp.Or(cmp.Compare(b.Moved.RxBytes+b.Moved.TxBytes, a.Moved.RxBytes+a.Moved.TxBytes),
		cmp.Compare(a.Row.ID.Cookie, b.Row.ID.Cookie), cmp.Compare(a.Row.ID.Serial, b.Row.ID.Serial))
}

func (k *ranking) Len() int           { return len(k.records) }
func (k *ranking) Less(i, j int) bool { return order(&k.records[i], &k.records[j]) > 0 }
func (k *ranking) Swap(i, j int)      { k.records[i], k.records[j] = k.records[j], k.records[i] }
func (k *ranking) Push(any)           {} // it is filled before it is a heap
func (k *ranking) Pop() any           { return nil }
