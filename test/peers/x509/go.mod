module etcd-ts.dev/test/peers/x509

go 1.26.0
