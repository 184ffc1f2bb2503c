package main

const (
	keyPrefix = "/registry/configmaps/default/item-"
	keyDigits = 10
	keyLength = len(keyPrefix) + keyDigits // 44 bytes
	keyIdMax  = 10_000_000_000
)

// appendKey appends the key with the given id. Ids and keys sort alike.
func appendKey(out []byte, id uint64) []byte {
	out = append(out, keyPrefix...)
	out = append(out, "0000000000"...)
	for at := len(out) - 1; id > 0; at-- {
		out[at] = byte('0' + id%10)
		id /= 10
	}
	return out
}

// incrementKey makes a key that of the next id.
func incrementKey(key []byte) {
	for at := len(key) - 1; ; at-- {
		if key[at]++; key[at] <= '9' {
			return
		}
		key[at] = '0'
	}
}

// keySpace deals out each id of [offset, offset+size) once, in sequential or in hashed order, to all connections. Past its
// end it starts again; repeated says how many were dealt more than once.
type keySpace struct {
	offset, size uint64
	hashed       bool
	dealt        uint64
}

// A prime above every size we use: multiplying by it permutes the ids modulo the size.
const scatter = 2654435761

func (k *keySpace) deal() uint64 {
	turn := k.dealt % k.size
	k.dealt++
	if k.hashed {
		turn = turn * scatter % k.size
	}
	return k.offset + turn
}

func (k *keySpace) repeated() uint64 {
	return max(k.dealt, k.size) - k.size
}
