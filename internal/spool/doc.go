// Package spool keeps records until an engine has them: in segments on disk, bounded,
// in memory where the disk takes none. What it has to drop it counts, and says so in a
// record of its own in the next segment, so that what is stored and what was dropped
// is what there was.
//
// A segment is a file that is there whole or not at all (written beside, synced,
// renamed); it is the unit of delivery. A kill at any moment loses none that Put had
// returned for, and none is counted twice.
package spool
