// Package ship delivers the segments of a spool to an engine, at least once and under
// the same name each time, and lets nobody wait: who measures puts records into a
// short queue, one goroutine writes them to the spool, another sends.
package ship
