// Package conn is the vocabulary that every other package speaks: connections,
// their owners, and the samples that carry them from a Source to the table.
//
// It holds no state, reads nothing and knows no kernel interface; its types are
// flat and without pointers into live data, so that a sample can be kept, sent,
// recorded and compared.
package conn
