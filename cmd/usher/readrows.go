package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/usher-scim/usher/scim"
)

const byteOrderMark = "\xef\xbb\xbf" // in UTF-8, as spreadsheets write it

const longestLine = 16 << 20 // of JSON

// readLines sends each line of JSON.
func readLines(file io.Reader, send func(row) bool) error {
	in := bufio.NewReaderSize(file, 64<<10)
	for line, n := 1, 1; ; line++ {
		text, long, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte(byteOrderMark)))
		if len(text) == 0 && !long {
			continue
		}
		r := row{number: n, line: line, value: text}
		switch {
		case long:
			r.err = &rowError{"", fmt.Errorf("The line is longer than %d MiB; each line holds one user or group.", longestLine>>20)}
		case !json.Valid(text) || text[0] != '{':
			r.err = &rowError{"", errors.New("This is not a JSON object; each line holds one user or group.")}
		}
		if !send(r) {
			return nil
		}
		n++
	}
}

// nextLine reads a line, or only passes it by if it is too long. After the last it
// fails with io.EOF.
func nextLine(in *bufio.Reader) (text []byte, long bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(text)+len(part) > longestLine; long {
			text = nil
		} else {
			text = append(text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (long || len(text) > 0):
			return text, long, nil
		default:
			return text, long, err
		}
	}
}

// readCSV sends each row under the header.
func readCSV(file io.Reader, rt *scim.ResourceType, send func(row) bool) error {
	in, header, err := readHeader(file, rt)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		if err != nil && !errors.As(err, &parse) {
			return err
		}
		r := row{number: n}
		if parse != nil {
			r.line, r.err = parse.StartLine, &rowError{"", fmt.Errorf("The row does not have the form of CSV: %w.", parse.Err)}
		} else {
			r.line, _ = in.FieldPos(0)
			r.cells, r.err = filled(header, cells)
			r.value, _ = json.Marshal(r.cells) // strings always marshal
		}
		if !send(r) {
			return nil
		}
	}
}

// readHeader reads the columns of a CSV file, and returns what reads the rows below.
func readHeader(file io.Reader, rt *scim.ResourceType) (*csv.Reader, []string, error) {
	text := bufio.NewReader(file)
	switch first, _ := text.Peek(len(byteOrderMark)); { // a file that is shorter has what it has
	case string(first) == byteOrderMark:
		_, _ = text.Discard(len(byteOrderMark)) // it was read already
	case bytes.HasPrefix(first, []byte("\xff\xfe")), bytes.HasPrefix(first, []byte("\xfe\xff")):
		return nil, nil, errors.New("the file is written in UTF-16; save it as CSV in UTF-8")
	}
	in := csv.NewReader(text)
	header, err := in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, errors.New("the file is empty; its first line names the attributes, such as userName,title")
	case err != nil:
		return nil, nil, fmt.Errorf("the file has no header of attribute paths: %w", err)
	case len(header) == 1 && strings.ContainsAny(header[0], ";\t"):
		return nil, nil, errors.New("the columns are not separated by commas; save the file as CSV with commas")
	}
	if err := checkColumns(rt, header); err != nil {
		return nil, nil, err
	}
	return in, header, once(rt, header)
}

// once refuses a header in which two columns are of the same value: one of them
// would be lost.
func once(rt *scim.ResourceType, header []string) error {
	first := map[string]int{}
	for i, column := range header {
		key := column
		if a, _ := rt.Resolve(plainPath(column)); !strings.Contains(column, "[") {
			key = a.Path()
		}
		key = scim.Key(key)
		if at := first[key]; at != 0 {
			return fmt.Errorf("columns %d and %d are both %q; keep one", at, i+1, column)
		}
		first[key] = i + 1
	}
	return nil
}

// filled are the cells that say something.
func filled(header, cells []string) (map[string]string, error) {
	value := map[string]string{}
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			return nil, &rowError{header[i], errors.New("The text is not UTF-8; save the file as CSV in UTF-8.")}
		}
		if cell != "" {
			value[header[i]] = unescapeFormula(cell)
		}
	}
	return value, nil
}
