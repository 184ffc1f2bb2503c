// Reads and makes bbolt databases with the library that etcd opens its backend with, so that tests can hold ours against it.
//
//	bbolt check FILE          every check that the library has; prints the number of pages
//	bbolt dump FILE           prints all buckets and pairs as JSON, keys and values in hex
//	bbolt make FILE SPEC      makes a database as the JSON file SPEC says (make.go)
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bbolt:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "check":
		return check(args[1])
	case len(args) == 2 && args[0] == "dump":
		return dump(args[1])
	case len(args) == 3 && args[0] == "make":
		return makeFile(args[1], args[2])
	}
	return fmt.Errorf("usage: bbolt check FILE | dump FILE | make FILE SPEC")
}

// check opens the file as etcd does, for writing, which walks it for its free pages, and commits once: a page that the
// library takes for free and is not shows in the second look.
func check(path string) error {
	for range 2 {
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, PreLoadFreelist: true})
		if err != nil {
			return err
		}
		err = db.Update(func(tx *bolt.Tx) error {
			for fault := range tx.Check() {
				return fault
			}
			fmt.Println(tx.Size()/int64(db.Info().PageSize), db.Stats().FreePageN)
			_, err := tx.CreateBucketIfNotExists([]byte("test"))
			return err
		})
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	return nil
}

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func dump(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	buckets := map[string][]pair{}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			pairs := []pair{}
			err := bucket.ForEach(func(key, value []byte) error {
				pairs = append(pairs, pair{hex.EncodeToString(key), hex.EncodeToString(value)})
				return nil
			})
			buckets[string(name)] = pairs
			return err
		})
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(buckets)
}
