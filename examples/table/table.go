package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/ctwo-go/c2"
)

// Table is the contract. Both methods read, by their names.
type Table interface {
	GetFlights(ctx context.Context) (Flights, error)
	GetBatch(ctx context.Context) (arrow.RecordBatch, error)
}

// table is the resource.
type table struct {
	flights Flights           // in pinned memory: returned, it is not copied
	batch   arrow.RecordBatch // the same in ordinary memory: returned, it is copied once, into shared memory
}

//go:embed flights-200k.arrow
var file []byte

func loadTable() (*table, error) {
	r, err := ipc.NewFileReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if n := r.NumRecords(); n != 1 {
		return nil, fmt.Errorf("the file has %d batches, want one", n)
	}
	batch, err := r.RecordBatchAt(0)
	if err != nil {
		return nil, err
	}
	f, err := flightsOf(batch)
	if err != nil {
		return nil, err
	}
	err = errors.Join(pin(&f.Delay), pin(&f.Distance), pin(&f.Time))
	return &table{flights: f, batch: batch}, err
}

// pin moves a column to memory that other processes can read. Where there is none it is ordinary memory, which each
// call copies.
func pin[E any](column *[]E) error {
	pinned, err := c2.Pin[E](len(*column)) // for as long as the process lives: nothing calls Release
	if err == nil {
		copy(pinned.Slice(), *column)
		*column = pinned.Slice()
	}
	return err
}

func (t *table) GetFlights(context.Context) (Flights, error) { return t.flights, nil }

func (t *table) GetBatch(context.Context) (arrow.RecordBatch, error) { return t.batch, nil }
