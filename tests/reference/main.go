// Command reference puts questions about NATS tokens to the reference
// implementation, nats-io/jwt v2 with nats-io/nkeys, for differential tests.
//
// It reads one JSON object a line from standard input and writes one JSON
// object a line to standard output, in the same order, until the input ends.
//
//	{"op":"encode", kind, seed, payload}       token, iat           the reference's own Encode, iat is now
//	{"op":"sign", kind, seed, payload, iat}    token, iat           the same with iat chosen
//	{"op":"decode", token}                     kind, version, claims
//	{"op":"validate", token}                   issues, and counts   of the claims as decoded
//	{"op":"validate", kind, payload}           issues, and counts   of the claims as given, never signed
//	{"op":"case", kind, seed, payload[, iat]}  all of these in one answer
//	{"op":"selftest"}                          kinds, jwt, nkeys    sign and encode agree, and the versions asked
//
// kind is a claims kind or "generic"; with a token, "generic" asks for
// DecodeGeneric, the only way to read a v2 generic token. payload is the claims
// as a JSON object, or a string holding their text where the spelling matters.
// Template limits of a scope that are left out are read as -1, so a zero has to
// be written.
//
// What the reference refuses is answered {"error": text, "at": step}; where it
// panics, {"panic": text, "at": step}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata" // time zones for times_location where the system has none

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// generic is the kind of claims that have no fixed body.
const generic = "generic"

// answer is one line of output.
type answer map[string]any

// question is one line of input, and the step its answer has come to.
type question struct {
	Op      string          `json:"op"`
	Kind    string          `json:"kind"`
	Seed    string          `json:"seed"`
	Token   string          `json:"token"`
	IssueAt *int64          `json:"iat"`
	Payload json.RawMessage `json:"payload"`

	at string
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	if err := converse(in, out); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// converse answers every line of in. It flushes when it would have to wait for
// more input, so batches are cheap and nobody waits for an answer already made.
func converse(in *bufio.Reader, out *bufio.Writer) error {
	encoder := json.NewEncoder(out)
	for {
		line, readErr := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := encoder.Encode(reply(line)); err != nil {
				return err
			}
		}
		if readErr != nil || in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// reply answers one line, whatever the reference does with it.
func reply(line []byte) (given answer) {
	q := question{at: "request"}
	defer func() {
		if fault := recover(); fault != nil {
			given = answer{"panic": fmt.Sprint(fault), "at": q.at}
		}
	}()
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{"error": err.Error(), "at": q.at}
	}
	given, err := q.serve()
	if err != nil {
		return answer{"error": err.Error(), "at": q.at}
	}
	return given
}

func (q *question) serve() (answer, error) {
	given := answer{}
	switch q.Op {
	case "encode", "sign":
		if err := q.addToken(given); err != nil {
			return nil, err
		}
	case "decode":
		claims, err := q.decode(q.Token)
		if err != nil {
			return nil, err
		}
		if err := q.addClaims(given, claims); err != nil {
			return nil, err
		}
	case "validate":
		claims, err := q.given()
		if err != nil {
			return nil, err
		}
		q.addIssues(given, claims)
	case "case":
		if err := q.addToken(given); err != nil {
			return nil, err
		}
		claims, err := q.decode(given["token"].(string))
		if err != nil {
			return nil, err
		}
		// Before validation, which writes to a trace's sampling.
		if err := q.addClaims(given, claims); err != nil {
			return nil, err
		}
		q.addIssues(given, claims)
	case "selftest":
		q.at = "selftest"
		return selftest()
	default:
		return nil, fmt.Errorf("unknown op %q", q.Op)
	}
	return given, nil
}

// given returns the claims that are to be validated: from the token, or else
// from the payload.
func (q *question) given() (jwt.Claims, error) {
	if q.Token != "" {
		return q.decode(q.Token)
	}
	return q.read()
}

// read fills the reference's struct of the kind with the payload.
func (q *question) read() (jwt.Claims, error) {
	q.at = "payload"
	claims, err := empty(q.Kind)
	if err != nil {
		return nil, err
	}
	text := []byte(q.Payload)
	if bytes.HasPrefix(text, []byte(`"`)) {
		var spelled string
		if err := json.Unmarshal(text, &spelled); err != nil {
			return nil, err
		}
		text = []byte(spelled)
	}
	return claims, json.Unmarshal(text, claims)
}

// addToken signs the payload's claims: with Encode, or where a time is given
// with that time.
func (q *question) addToken(given answer) error {
	claims, err := q.read()
	if err != nil {
		return err
	}
	q.at = "seed"
	pair, err := nkeys.FromSeed([]byte(q.Seed))
	if err != nil {
		return err
	}
	q.at = "encode"
	var token string
	switch {
	case q.Op == "encode" || q.Op == "case" && q.IssueAt == nil:
		token, err = claims.Encode(pair)
	case q.IssueAt == nil:
		err = errors.New("sign needs iat")
	default:
		token, err = signAt(claims, pair, *q.IssueAt)
	}
	if err != nil {
		return err
	}
	given["token"], given["iat"] = token, claims.Claims().IssuedAt
	return nil
}

func (q *question) decode(token string) (jwt.Claims, error) {
	q.at = "decode"
	if q.Kind == generic {
		return jwt.DecodeGeneric(token)
	}
	return jwt.Decode(token)
}

// addClaims says what the claims are and how the reference writes them.
func (q *question) addClaims(given answer, claims jwt.Claims) error {
	q.at = "claims"
	text, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	given["kind"], given["version"], given["claims"] = claims.ClaimType(), version(claims), string(text)
	return nil
}

// addIssues validates the claims, and says at which second.
func (q *question) addIssues(given answer, claims jwt.Claims) {
	q.at = "validate"
	results := jwt.CreateValidationResults()
	given["now"] = time.Now().Unix()
	claims.Validate(results)
	issues := make([]answer, 0, len(results.Issues))
	var faults, warnings, timeChecks int
	for _, issue := range results.Issues {
		issues = append(issues, answer{
			"description": issue.Description, "blocking": issue.Blocking, "time": issue.TimeCheck,
		})
		switch {
		case issue.Blocking:
			faults++
		case issue.TimeCheck:
			timeChecks++
		default:
			warnings++
		}
	}
	given["issues"] = issues
	given["errors"], given["warnings"], given["time_checks"] = faults, warnings, timeChecks
	given["blocking"] = results.IsBlocking(false)
}
