// SPDX-License-Identifier: Apache-2.0

// Reads a published log with Go's own sumdb/note and sumdb/tlog, and with nothing of ours.
//
//	verify FOLDER VKEY OLD_CHECKPOINT INDEX...
//
// Opens FOLDER/checkpoint under VKEY, proves that each entry INDEX is in its tree, and that the tree extends the one of
// the file OLD_CHECKPOINT. GOPATH mode: golang-golang-x-mod-dev lies in /usr/share/gocode.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // tlog-tiles: 256 hashes in a tile

// folder is a tlog.TileReader over C2SP tlog-tiles: Go's paths are "tile/8/0/000", those of the standard "tile/0/000".
type folder string

func (f folder) read(path string) []byte {
	data, err := os.ReadFile(filepath.Join(string(f), path))
	check(err)
	return data
}

func (f folder) Height() int                     { return height }
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		data = append(data, f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
	}
	return data, nil
}

// entry is one record: bundles are named as tiles are, with "entries" for the level; each entry has 16 bits of length.
func (f folder) entry(index, size int64) []byte {
	bundle := tlog.Tile{H: height, L: -1, N: index >> height, W: 1 << height}
	if rest := size - bundle.N<<height; rest < int64(bundle.W) {
		bundle.W = int(rest)
	}
	data := f.read(strings.Replace(bundle.Path(), "tile/8/data/", "tile/entries/", 1))
	for skip := index & (1<<height - 1); skip > 0; skip-- {
		data = data[2+int(binary.BigEndian.Uint16(data)):]
	}
	return data[2 : 2+int(binary.BigEndian.Uint16(data))]
}

func open(file string, key note.Verifier) tlog.Tree {
	text, err := os.ReadFile(file)
	check(err)
	opened, err := note.Open(text, note.VerifierList(key))
	check(err)
	lines := strings.Split(opened.Text, "\n") // tlog-checkpoint: origin, size, root
	if len(lines) != 4 || lines[0] != key.Name() {
		check(fmt.Errorf("%s is no checkpoint of %s", file, key.Name()))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func main() {
	logs := folder(os.Args[1])
	key, err := note.NewVerifier(os.Args[2])
	check(err)
	tree, old := open(filepath.Join(os.Args[1], "checkpoint"), key), open(os.Args[3], key)
	hashes := tlog.TileHashReader(tree, logs)
	for _, argument := range os.Args[4:] {
		index, err := strconv.ParseInt(argument, 10, 64)
		check(err)
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(logs.entry(index, tree.N))))
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	check(err)
	check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	fmt.Printf("%d records, %d of them in the tree, which extends that of %d\n", tree.N, len(os.Args)-4, old.N)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
