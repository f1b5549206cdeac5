package main

import (
	"crypto/sha256"
	"fmt"
	"runtime/debug"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// sample is one token's worth of claims and the kind of key that signs them.
type sample struct {
	kind   string
	signer nkeys.PrefixByte
	claims jwt.Claims
}

// samples gives claims of every kind, made by the reference's constructors.
func samples() ([]sample, error) {
	subjects := map[nkeys.PrefixByte]string{}
	for _, prefix := range []nkeys.PrefixByte{
		nkeys.PrefixByteOperator, nkeys.PrefixByteAccount, nkeys.PrefixByteUser, nkeys.PrefixByteServer,
	} {
		pair, err := throwaway(prefix)
		if err != nil {
			return nil, err
		}
		if subjects[prefix], err = pair.PublicKey(); err != nil {
			return nil, err
		}
	}

	operator := jwt.NewOperatorClaims(subjects[nkeys.PrefixByteOperator])
	operator.Name = `<operator> & "co"`
	operator.OperatorServiceURLs.Add("nats://127.0.0.1:4222")

	account := jwt.NewAccountClaims(subjects[nkeys.PrefixByteAccount])
	account.SigningKeys.Add(subjects[nkeys.PrefixByteAccount])
	// Out of order, for Encode to put right.
	account.Exports.Add(
		&jwt.Export{Subject: "orders.>", Type: jwt.Stream},
		&jwt.Export{Subject: "echo", Type: jwt.Service},
	)

	user := jwt.NewUserClaims(subjects[nkeys.PrefixByteUser])
	user.Expires, user.NotBefore = 4102444800, 1
	user.Pub.Allow.Add("orders.>")
	user.Tags.Add("Region:EU")

	activation := jwt.NewActivationClaims(subjects[nkeys.PrefixByteAccount])
	activation.ImportSubject, activation.ImportType = "orders.>", jwt.Stream

	request := jwt.NewAuthorizationRequestClaims(subjects[nkeys.PrefixByteUser])
	request.UserNkey = subjects[nkeys.PrefixByteUser]

	response := jwt.NewAuthorizationResponseClaims(subjects[nkeys.PrefixByteUser])
	response.Audience, response.Error = subjects[nkeys.PrefixByteServer], "no"

	free := jwt.NewGenericClaims(subjects[nkeys.PrefixByteUser])
	free.Data["type"], free.Data["number"] = "free", 1.5

	return []sample{
		{jwt.OperatorClaim, nkeys.PrefixByteOperator, operator},
		{jwt.AccountClaim, nkeys.PrefixByteOperator, account},
		{jwt.UserClaim, nkeys.PrefixByteAccount, user},
		{jwt.ActivationClaim, nkeys.PrefixByteAccount, activation},
		{jwt.AuthorizationRequestClaim, nkeys.PrefixByteServer, request},
		{jwt.AuthorizationResponseClaim, nkeys.PrefixByteAccount, response},
		{generic, nkeys.PrefixByteUser, free},
	}, nil
}

// throwaway gives the same pair of a kind every time.
func throwaway(prefix nkeys.PrefixByte) (nkeys.KeyPair, error) {
	raw := sha256.Sum256([]byte("selftest " + prefix.String()))
	return nkeys.FromRawSeed(prefix, raw[:])
}

// selftest proves for every kind that signAt with Encode's second gives Encode's
// token, and tells the versions this program was built with.
func selftest() (answer, error) {
	all, err := samples()
	if err != nil {
		return nil, err
	}
	kinds := make([]string, 0, len(all))
	for _, s := range all {
		pair, err := throwaway(s.signer)
		if err != nil {
			return nil, err
		}
		encoded, err := s.claims.Encode(pair)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.kind, err)
		}
		signed, err := signAt(s.claims, pair, s.claims.Claims().IssuedAt)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.kind, err)
		}
		if signed != encoded {
			return nil, fmt.Errorf("%s: sign gives %s, encode gives %s", s.kind, signed, encoded)
		}
		kinds = append(kinds, s.kind)
	}
	given := answer{"kinds": kinds}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			switch module.Path {
			case "github.com/nats-io/jwt/v2":
				given["jwt"] = module.Version
			case "github.com/nats-io/nkeys":
				given["nkeys"] = module.Version
			}
		}
	}
	return given, nil
}
