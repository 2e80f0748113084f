package main

import (
	"errors"
	"sync"
	"sync/atomic"
)

// parallel calls f for 0 to n-1 in par goroutines. After the first error it
// starts no more and returns what went wrong.
func parallel(n, par int, f func(i int) error) error {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Bool
		errs   = make([]error, n)
	)
	for range par {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = f(i); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
