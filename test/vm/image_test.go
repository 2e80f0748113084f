package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os/exec"
	"slices"
	"testing"
)

// bzImage wraps a packed kernel as Documentation/arch/x86/boot.rst says.
func bzImage(packed []byte) []byte {
	image := make([]byte, 2*512)
	image[0x1f1] = 1
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint32(image[0x248:], 16)
	binary.LittleEndian.PutUint32(image[0x24c:], uint32(len(packed)))
	return slices.Concat(image, make([]byte, 16), packed)
}

func TestUnpackImage(t *testing.T) {
	kernel := append([]byte("\x7fELF"), bytes.Repeat([]byte("kernel"), 1000)...)
	cmd := exec.Command("gzip", "-c")
	cmd.Stdin = bytes.NewReader(kernel)
	packed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got, err := unpackImage(context.Background(), bzImage(packed))
	if err != nil || !bytes.Equal(got, kernel) {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	cut := bzImage(packed)
	for name, image := range map[string][]byte{
		"empty":          nil,
		"no header":      make([]byte, 4096),
		"cut":            cut[:len(cut)-1],
		"unknown format": bzImage(make([]byte, 64)),
		"not a kernel":   bzImage(packed[:20]),
	} {
		if _, err := unpackImage(context.Background(), image); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// types makes type information of a size.
func types(size uint32) []byte {
	b := []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint32(b, 10)
	return append(b, make([]byte, size+10)...)
}

func TestFindBTF(t *testing.T) {
	small, whole := types(100), types(1004)
	if got := findBTF(slices.Concat([]byte("code"), small, []byte("more"), whole, []byte("rest")), 1000); !bytes.Equal(got, whole) {
		t.Errorf("%d bytes found, not %d", len(got), len(whole))
	}
	for name, image := range map[string][]byte{"empty": nil, "small": small, "cut": whole[:len(whole)-1], "header": whole[:20]} {
		if got := findBTF(image, 1000); got != nil {
			t.Errorf("%s: %d bytes found", name, len(got))
		}
	}
}

func FuzzImage(f *testing.F) {
	f.Add(bzImage([]byte{0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	f.Add(types(1004))
	f.Fuzz(func(t *testing.T, image []byte) {
		if _, data, err := payload(image); err == nil && !bytes.Contains(image, data) {
			t.Error("a payload that is not in the image")
		}
		if got := findBTF(image, 16); got != nil && !bytes.Contains(image, got) {
			t.Error("types that are not in the image")
		}
	})
}
