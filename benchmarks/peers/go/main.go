// A peer of bench_issue.py: the same users, issued by nats-io/jwt v2 and nkeys.
//
// It reads one job as JSON from standard input and answers with one JSON object. Whoever starts it sets GOMAXPROCS=1.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

type job struct {
	Users   int    `json:"users"`
	WarmUp  int    `json:"warm_up"`
	Seed    string `json:"seed"`
	Account string `json:"account"`
	Role    bool   `json:"role"`
	Expires int64  `json:"expires"`
}

type answer struct {
	Rates  map[string]float64 `json:"rates"`
	Sample string             `json:"sample"`
}

// issue makes one user: key pair, public key, seed, token; and with creds the text of its file.
func issue(j *job, signer nkeys.KeyPair, name string, creds bool) (token string, size int, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", 0, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return "", 0, err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", 0, err
	}
	claims := jwt.NewUserClaims(public)
	claims.Name = name
	claims.IssuerAccount = j.Account
	claims.Expires = j.Expires
	if j.Role {
		claims.SetScoped(true)
	} else {
		claims.Pub.Allow.Add("devices." + name + ".>")
		claims.Sub.Allow.Add("_INBOX." + public + ".>")
	}
	token, err = claims.Encode(signer)
	if err != nil || !creds {
		return token, len(token) + len(seed), err
	}
	text, err := jwt.FormatUserConfig(token, seed)
	return token, len(text), err
}

// rate issues a user for every name and returns users per second.
func rate(j *job, signer nkeys.KeyPair, names []string, creds bool) (float64, error) {
	for _, name := range names[:min(j.WarmUp, len(names))] {
		if _, _, err := issue(j, signer, name, creds); err != nil {
			return 0, err
		}
	}
	size := 0
	start := time.Now()
	for _, name := range names {
		_, n, err := issue(j, signer, name, creds)
		if err != nil {
			return 0, err
		}
		size += n
	}
	took := time.Since(start).Seconds()
	if size == 0 {
		return 0, fmt.Errorf("nothing was issued")
	}
	return float64(len(names)) / took, nil
}

func run() error {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return err
	}
	signer, err := nkeys.FromSeed([]byte(j.Seed))
	if err != nil {
		return err
	}
	names := make([]string, j.Users)
	for i := range names {
		names[i] = fmt.Sprintf("device-%07d", i)
	}
	encode, err := rate(&j, signer, names, false)
	if err != nil {
		return err
	}
	format, err := rate(&j, signer, names, true)
	if err != nil {
		return err
	}
	sample, _, err := issue(&j, signer, names[0], false)
	if err != nil {
		return err
	}
	rates := map[string]float64{"token": encode, "creds": format}
	return json.NewEncoder(os.Stdout).Encode(answer{Rates: rates, Sample: sample})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
