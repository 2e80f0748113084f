// Package tui is the live screen: it takes immutable snapshots and key presses
// and gives back one picture of the terminal.
//
// Snapshots come in through a Mailbox that holds one of them, the newest; a key
// is answered from the snapshot at hand. Only what is visible is formatted. What
// a process or a peer supplied is made safe in text.go and nowhere else. The
// package reads no clock, no environment and no terminal: all of that is cli's.
package tui
