package record

// Kind says what a block holds.
type Kind uint8

// The kinds. A key frame or tick of many rows is several blocks, its parts.
const (
	KindHeader Kind = 1 + iota // what a segment says of itself, as JSON
	KindKey                    // what was known before the tick of the same number
	KindTick                   // one sample
	KindIndex                  // where the blocks of a segment are
)

// Block is a part of a key frame or tick, compressed. Parts of one whole are
// neighbours and have the same number and time.
type Block struct {
	Kind  Kind
	First bool   // of the parts
	Last  bool   // of the parts
	Seq   uint64 // number of the tick since the recording began; a key frame has that of the tick after it
	Time  int64  // of that tick, Unix ns
	Body  []byte // valid until the next block is made
}
