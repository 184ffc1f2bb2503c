package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// spec says how a database comes to be.
type spec struct {
	// PageSize 0 is the system's.
	PageSize int `json:"pageSize"`
	// SyncFreelist keeps the list of free pages in the file, as etcd does where it is not Linux.
	SyncFreelist bool `json:"syncFreelist"`
	// FillPercent 0 is the library's.
	FillPercent float64 `json:"fillPercent"`
	// Steps are transactions, one after the other.
	Steps []step `json:"steps"`
	// DamageMeta 0 or 1 destroys that meta page at the end; -1 neither.
	DamageMeta int `json:"damageMeta"`
	// Exact cuts what the file has behind its last page, as etcd does with what it sends to another member.
	Exact bool `json:"exact"`
}

// step puts and deletes in one transaction. Buckets that are named are created.
type step struct {
	Buckets []string `json:"buckets"`
	Put     []entry  `json:"put"`
	Delete  []entry  `json:"delete"`
}

// entry has its key and value in hex; the value is repeated Times + 1 times.
type entry struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Value  string `json:"value"`
	Times  int    `json:"times"`
}

func makeFile(path, specPath string) error {
	text, err := os.ReadFile(specPath)
	if err != nil {
		return err
	}
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: s.PageSize, NoSync: true, NoFreelistSync: !s.SyncFreelist, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	for _, step := range s.Steps {
		if err := db.Update(func(tx *bolt.Tx) error { return apply(tx, step, s.FillPercent) }); err != nil {
			return err
		}
	}
	if s.Exact {
		err = db.View(func(tx *bolt.Tx) error { return tx.CopyFile(path+".copy", 0o600) })
	}
	pageSize := int64(db.Info().PageSize)
	if err := db.Close(); err != nil {
		return err
	}
	if err == nil && s.Exact {
		err = os.Rename(path+".copy", path)
	}
	if err != nil {
		return err
	}
	return damageMeta(path, s.DamageMeta, pageSize)
}

func apply(tx *bolt.Tx, s step, fillPercent float64) error {
	for _, name := range s.Buckets {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	for _, e := range s.Put {
		key, value, err := e.decode()
		if err != nil {
			return err
		}
		bucket := tx.Bucket([]byte(e.Bucket))
		if fillPercent > 0 {
			bucket.FillPercent = fillPercent
		}
		if err := bucket.Put(key, value); err != nil {
			return err
		}
	}
	for _, e := range s.Delete {
		key, _, err := e.decode()
		if err != nil {
			return err
		}
		if err := tx.Bucket([]byte(e.Bucket)).Delete(key); err != nil {
			return err
		}
	}
	return nil
}

func (e entry) decode() (key, value []byte, err error) {
	if key, err = hex.DecodeString(e.Key); err != nil {
		return nil, nil, fmt.Errorf("key %q: %w", e.Key, err)
	}
	once, err := hex.DecodeString(e.Value)
	if err != nil {
		return nil, nil, fmt.Errorf("value %q: %w", e.Value, err)
	}
	for range e.Times + 1 {
		value = append(value, once...)
	}
	return key, value, nil
}

// damageMeta turns the bits of the whole meta over.
func damageMeta(path string, which int, pageSize int64) error {
	if which < 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	bytes := make([]byte, 80)
	if _, err := file.ReadAt(bytes, int64(which)*pageSize); err != nil {
		return err
	}
	for at := range bytes {
		bytes[at] ^= 0xff
	}
	_, err = file.WriteAt(bytes, int64(which)*pageSize)
	return err
}
