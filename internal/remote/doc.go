// Package remote runs tcptop on other hosts over ssh and turns the lines that it prints
// there into ticks for a table.Joint. Nothing stays there: what was copied is gone before
// it runs.
//
// A host may be in anybody's hands. Its lines are bounded in length, its rows in number,
// and its texts are hostile until escaped, as those of this host's processes are; what
// does not fit the fields' types is left out and counted.
package remote
