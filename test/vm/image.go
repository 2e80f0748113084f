package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
)

// unpackImage returns the ELF kernel inside an x86 bzImage
// (Documentation/arch/x86/boot.rst): qemu starts it directly (PVH), so the guest
// need not unpack itself.
func unpackImage(ctx context.Context, image []byte) ([]byte, error) {
	tool, data, err := payload(image)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, tool[0], tool[1:]...)
	cmd.Stdin = bytes.NewReader(data)
	elf, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", tool, err)
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return nil, errors.New("no ELF file inside")
	}
	return elf, nil
}

// payload returns the packed kernel of a bzImage and the command that unpacks it.
func payload(image []byte) (tool []string, data []byte, err error) {
	if len(image) < 0x260 || string(image[0x202:0x206]) != "HdrS" {
		return nil, nil, errors.New("not a bzImage")
	}
	sectors := uint64(image[0x1f1])
	if sectors == 0 {
		sectors = 4
	}
	start := (sectors+1)*512 + uint64(binary.LittleEndian.Uint32(image[0x248:]))
	end := start + uint64(binary.LittleEndian.Uint32(image[0x24c:]))
	if end > uint64(len(image)) || end-start < 16 {
		return nil, nil, fmt.Errorf("payload [%d, %d) outside of %d bytes", start, end, len(image))
	}
	data = image[start:end]
	sized := data[:len(data)-4] // all but gzip are followed by the unpacked size
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return []string{"gzip", "-dc"}, data, nil
	case bytes.HasPrefix(data, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return []string{"xz", "-dc"}, sized, nil
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return []string{"zstd", "-dc"}, sized, nil
	case bytes.HasPrefix(data, []byte{0x02, 0x21, 0x4c, 0x18}):
		return []string{"lz4", "-dc"}, sized, nil
	}
	return nil, nil, fmt.Errorf("unknown packing % x", data[:6])
}

// smallest a kernel's types can be; what tools of the kernel tree embed is smaller.
const smallestBTF = 100_000

// findBTF returns a kernel's type information, wherever it lies in the image, or
// nil: a header (struct btf_header) whose parts follow each other, with more than
// smallest bytes of types.
func findBTF(image []byte, smallest uint32) []byte {
	header := []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0} // magic, version, flags, length, types first
	for {
		i := bytes.Index(image, header)
		if i < 0 || len(image)-i < 24 {
			return nil
		}
		image = image[i:]
		types, strings := binary.LittleEndian.Uint32(image[12:]), binary.LittleEndian.Uint32(image[16:])
		end := 24 + uint64(strings) + uint64(binary.LittleEndian.Uint32(image[20:]))
		if types > smallest && types == strings && end <= uint64(len(image)) {
			return image[:end]
		}
		image = image[1:]
	}
}
