// Package record keeps samples and gives them back: in files that survive a crash,
// or in memory.
//
// An Encoder turns samples into blocks, a Decoder blocks into samples. A block
// holds one tick, as what changed since the tick before, or a key frame: all that
// was known before the tick that follows it, from which decoding can start. A
// Writer puts blocks into a directory of segments, bounded by size and age; a
// History keeps them in memory. A Reader opens a directory or a file, a Cursor
// moves over the ticks of either.
//
// docs/recording-format.md describes the bytes. Nothing here reads a clock.
package record
