package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// empty returns zero claims of a kind: the wire's zeros, not the constructors'.
func empty(kind string) (jwt.Claims, error) {
	switch kind {
	case jwt.OperatorClaim:
		return &jwt.OperatorClaims{}, nil
	case jwt.AccountClaim:
		return &jwt.AccountClaims{}, nil
	case jwt.UserClaim:
		return &jwt.UserClaims{}, nil
	case jwt.ActivationClaim:
		return &jwt.ActivationClaims{}, nil
	case jwt.AuthorizationRequestClaim:
		return &jwt.AuthorizationRequestClaims{}, nil
	case jwt.AuthorizationResponseClaim:
		return &jwt.AuthorizationResponseClaims{}, nil
	case generic:
		return &jwt.GenericClaims{}, nil
	default:
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
}

// version is what the claims say of their format, 0 where they say nothing.
func version(claims jwt.Claims) int {
	switch c := claims.(type) {
	case *jwt.OperatorClaims:
		return c.Version
	case *jwt.AccountClaims:
		return c.Version
	case *jwt.UserClaims:
		return c.Version
	case *jwt.ActivationClaims:
		return c.Version
	case *jwt.AuthorizationRequestClaims:
		return c.Version
	case *jwt.AuthorizationResponseClaims:
		return c.Version
	case *jwt.GenericClaims:
		number, _ := c.Data["version"].(float64)
		return int(number)
	default:
		panic(fmt.Sprintf("no version known of %T", claims))
	}
}

// signAt signs claims as of a given second, where Encode always takes the clock.
//
// Encode itself runs first, for all its checks and everything it writes into the
// claims, with a signer that only keeps the header; then the two members that
// depend on time are set, and what depends on them is made again.
func signAt(claims jwt.Claims, pair nkeys.KeyPair, issueAt int64) (string, error) {
	var header []byte
	_, err := claims.EncodeWithSigner(pair, func(_ string, data []byte) ([]byte, error) {
		header, _, _ = bytes.Cut(data, []byte("."))
		return nil, nil
	})
	if err != nil {
		return "", err
	}
	standard := claims.Claims()
	standard.IssuedAt, standard.ID = issueAt, ""
	text, err := json.Marshal(standard)
	if err != nil {
		return "", err
	}
	digest := sha512.Sum512_256(text)
	standard.ID = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(digest[:])
	if text, err = json.Marshal(claims); err != nil {
		return "", err
	}
	signed := string(header) + "." + base64.RawURLEncoding.EncodeToString(text)
	signature, err := pair.Sign([]byte(signed))
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
