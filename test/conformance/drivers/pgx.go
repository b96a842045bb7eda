// The scenario of postgres-drivers.test.ts with pgx v4: a JSON line for each step. Results are binary where pgx can.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
)

var background = context.Background()

func emit(step string, result interface{}) {
	text, err := json.Marshal(map[string]interface{}{"step": step, "result": result})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

func errorOf(err error) interface{} {
	if err == nil {
		return nil
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return map[string]string{"sqlstate": server.Code, "severity": server.Severity, "message": server.Message,
			"detail": server.Detail, "message_hint": server.Hint, "constraint": server.ConstraintName}
	}
	if pgconn.Timeout(err) {
		return "timeout"
	}
	return reflect.TypeOf(err).String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func connect(more string) *pgx.Conn {
	conn, err := pgx.Connect(background, more)
	must(err)
	return conn
}

// rows shows values as Go prints them.
func rows(found pgx.Rows, err error) interface{} {
	if err != nil {
		return errorOf(err)
	}
	all := []string{}
	for found.Next() {
		values, err := found.Values()
		must(err)
		for i, value := range values {
			if at, is := value.(time.Time); is {
				values[i] = at.UTC().Format(time.RFC3339Nano)
			}
		}
		all = append(all, fmt.Sprintf("%v", values))
	}
	if found.Err() != nil {
		return []interface{}{all, errorOf(found.Err())}
	}
	return all
}

func exec(conn *pgx.Conn, text string, values ...interface{}) interface{} {
	tag, err := conn.Exec(background, text, values...)
	if err != nil {
		return errorOf(err)
	}
	return tag.String()
}

func query(conn *pgx.Conn, text string, values ...interface{}) interface{} {
	return rows(conn.Query(background, text, values...))
}

func login() interface{} {
	conn := connect("")
	pg := conn.PgConn()
	return []interface{}{query(conn, "select current_user"), pg.ParameterStatus("server_version"), pg.ParameterStatus("TimeZone")}
}

func withoutTls() interface{} {
	return query(connect("sslmode=disable"), "select 1")
}

func wrongPassword() interface{} {
	_, err := pgx.Connect(background, "password=wrong")
	var server *pgconn.PgError
	return []interface{}{errors.As(err, &server) && server.Code == "28P01"}
}

func types() interface{} {
	conn := connect("")
	number, _ := new(big.Int).SetString("12345678901234567890123456789", 10)
	at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	values := map[string]interface{}{
		"int2": int16(-32768), "int4": int32(2147483647), "int8": int64(-9223372036854775808),
		"numeric": &pgtype.Numeric{Int: number, Exp: -9, Status: pgtype.Present}, "float8": 0.1, "float4": float32(0.5),
		"bool": true, "text": "ü😀👩‍👩‍👧'\\", "bytea": []byte{0, 1, 255}, "uuid": [16]byte{15: 5},
		"json": map[string]interface{}{"k": []interface{}{"ü", nil}}, "jsonb": map[string]interface{}{"k": 1.5},
		"date": at, "timestamp": at, "timestamptz": at, "interval": 3 * time.Hour, "int4[]": []int32{1, 2},
		"text[]": []string{"a", "b\"\\", ""}, "varchar": nil, "inet": "10.0.0.1",
	}
	out := map[string]interface{}{}
	for kind, value := range values {
		for round := 0; round < 2; round++ {
			out[kind] = query(conn, "select $1::"+kind, value)
		}
		out["simple "+kind] = query(conn, "select $1::"+kind, pgx.QuerySimpleProtocol(false), value)
	}
	return out
}

func large() interface{} {
	conn := connect("")
	text := strings.Repeat("é4", 2_500_000)
	var back string
	must(conn.QueryRow(background, "select $1::text", text).Scan(&back))
	return back == text
}

func masked() interface{} {
	conn := connect("")
	out := []interface{}{}
	for _, mode := range []pgx.QueryResultFormats{{pgx.TextFormatCode}, {pgx.BinaryFormatCode}} {
		out = append(out, query(conn, "select id, name, email, ssn, born, note from people where id < $1 order by id", mode, 20))
	}
	out = append(out, query(conn, "select contact, name from contacts where id = $1", 1))
	out = append(out, query(conn, "update people set note = note where id = $1 returning id, email, born", 1))
	return append(out, query(conn, "select id, email, born from people where id = $1", pgx.QuerySimpleProtocol(true), 3))
}

func repeated() interface{} {
	out := []interface{}{}
	for _, cache := range []string{"prepare", "describe"} {
		conn := connect("statement_cache_mode=" + cache)
		for n := 1; n <= 10; n++ {
			if n > 5 {
				out = append(out, exec(conn, "delete from people"), exec(conn, "delete from people where $1 or true", true))
			}
			out = append(out, query(conn, "select id, email, born, ssn from people where id = $1", n))
		}
	}
	return out
}

func batch() interface{} {
	conn := connect("")
	out := []interface{}{}
	// pgx prepares all of a batch first, so what is wrong with a text comes before anything runs.
	for _, refused := range []string{"insert into things (id) values (100)", "delete from people", "delete from nowhere where id = 1"} {
		made := &pgx.Batch{}
		made.Queue("insert into things (id, name) values ($1, $2)", 1, "one")
		made.Queue("select id, email from people where id = $1", 2)
		made.Queue(refused)
		made.Queue("insert into things (id, name) values ($1, $2)", 2, "two")
		made.Queue("select count(*) from things")
		results := conn.SendBatch(background, made)
		for n := 0; n < 5; n++ {
			if n == 1 || n == 4 {
				out = append(out, rows(results.Query()))
			} else {
				tag, err := results.Exec()
				out = append(out, tag.String(), errorOf(err))
			}
		}
		out = append(out, errorOf(results.Close()), query(conn, "select id from things order by 1"), exec(conn, "delete from things where id > 0"))
	}
	_, err := conn.PgConn().Exec(background, "insert into things (id) values (9); delete from people; select 1").ReadAll()
	return append(out, errorOf(err), query(conn, "select id from things"))
}

func transaction() interface{} {
	conn := connect("")
	out := []interface{}{}
	err := conn.BeginFunc(background, func(outer pgx.Tx) error {
		_, err := outer.Exec(background, "insert into things (id, name) values (1, 'kept')")
		must(err)
		out = append(out, errorOf(outer.BeginFunc(background, func(inner pgx.Tx) error {
			_, err := inner.Exec(background, "delete from people")
			return err
		})))
		return nil
	})
	out = append(out, errorOf(err))
	tx, err := conn.Begin(background)
	must(err)
	out = append(out, exec(conn, "drop table people"), query(conn, "select 1"), string(conn.PgConn().TxStatus()))
	out = append(out, fmt.Sprint(tx.Commit(background)), query(conn, "select name from things"))
	return append(out, exec(conn, "delete from things where id > 0"))
}

func cursors() interface{} {
	conn := connect("")
	tx, err := conn.Begin(background)
	must(err)
	exec(conn, "declare c scroll cursor for select id, email, born, note from people order by id")
	out := []interface{}{}
	for n := 0; n < 9; n++ {
		out = append(out, query(conn, "fetch 7 from c"))
	}
	out = append(out, exec(conn, "move absolute 3 from c"), query(conn, "fetch 2 from c"))
	must(tx.Rollback(background))
	return out
}

func copying() interface{} {
	conn := connect("")
	out := []interface{}{}
	for _, text := range []string{"copy people to stdout", "copy (select id, email, ssn, born from people) to stdout (format csv, header)"} {
		var into strings.Builder
		tag, err := conn.PgConn().CopyTo(background, &into, text)
		out = append(out, tag.String(), errorOf(err), into.String())
	}
	made := [][]interface{}{}
	for n := 0; n < 3000; n++ {
		made = append(made, []interface{}{n, fmt.Sprintf("row %d 😀", n), []byte{0, 1}, time.Unix(int64(n), 0)})
	}
	columns := []string{"id", "name", "payload", "at"}
	for round := 0; round < 2; round++ {
		count, err := conn.CopyFrom(background, pgx.Identifier{"things"}, columns, pgx.CopyFromRows(made))
		out = append(out, count, errorOf(err))
	}
	count, err := conn.CopyFrom(background, pgx.Identifier{"nowhere"}, columns, pgx.CopyFromRows(made))
	out = append(out, count, errorOf(err))
	return append(out, query(conn, "select count(*), min(at) from things"), exec(conn, "delete from things where id >= 0"))
}

func cancel() interface{} {
	conn := connect("")
	limited, done := context.WithTimeout(background, 300*time.Millisecond)
	defer done()
	_, err := conn.Exec(limited, "select pg_sleep(30)")
	out := []interface{}{errorOf(err), conn.IsClosed()}
	conn = connect("")
	go func() {
		time.Sleep(300 * time.Millisecond)
		must(conn.PgConn().CancelRequest(background))
	}()
	return append(out, exec(conn, "select pg_sleep(30)"), query(conn, "select 1"))
}

func notices() interface{} {
	config, err := pgx.ParseConfig("")
	must(err)
	out := []interface{}{}
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		out = append(out, map[string]string{"code": notice.Code, "message": notice.Message, "hint": notice.Hint})
	}
	conn, err := pgx.ConnectConfig(background, config)
	must(err)
	query(conn, "select say('careful')")
	exec(conn, "update people set note = note where id = 2")
	exec(conn, "listen ch")
	exec(connect(""), "notify ch, 'do you hear'")
	heard, err := conn.WaitForNotification(background)
	must(err)
	return append(out, heard.Channel, heard.Payload)
}

func failures() interface{} {
	conn := connect("")
	exec(conn, "insert into things (id, name) values (1, 'one')")
	out := []interface{}{}
	for _, text := range []string{"insert into things (id, name) values (1, 'two')", "select 1/0", "select * from nowhere", "selec 1"} {
		out = append(out, exec(conn, text))
	}
	return append(out, exec(conn, "delete from things where id > 0"))
}

func largeObject() interface{} {
	conn := connect("")
	tx, err := conn.Begin(background)
	must(err)
	defer tx.Rollback(background)
	objects := tx.LargeObjects()
	id, err := objects.Create(background, 77)
	if err != nil {
		return errorOf(err)
	}
	one, err := objects.Open(background, id, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite)
	if err != nil {
		return errorOf(err)
	}
	count, err := one.Write([]byte(strings.Repeat("large", 1000)))
	return []interface{}{count, errorOf(err)}
}

func hold() interface{} {
	conn := connect("")
	exec(conn, "insert into scratch values (1)")
	return []interface{}{exec(conn, "truncate scratch"), query(conn, "select count(*) from scratch"),
		exec(conn, "truncate people"), query(conn, "select count(*) from people")}
}

func closed() interface{} {
	conn := connect("")
	emit("ready", nil)
	return []interface{}{exec(conn, "select pg_sleep(30)"), conn.IsClosed(), fmt.Sprint(query(conn, "select 1"))}
}

func main() {
	for _, step := range []struct {
		name string
		run  func() interface{}
	}{
		{"login", login}, {"without_tls", withoutTls}, {"wrong_password", wrongPassword}, {"types", types}, {"big", large},
		{"masked", masked}, {"repeated", repeated}, {"batch", batch}, {"transaction", transaction}, {"cursors", cursors},
		{"copy", copying}, {"cancel", cancel}, {"notices", notices}, {"errors", failures}, {"large_object", largeObject},
		{"hold", hold}, {"closed", closed},
	} {
		func() {
			defer func() {
				if found := recover(); found != nil {
					emit(step.name, map[string]string{"unexpected": fmt.Sprint(found)})
				}
			}()
			emit(step.name, step.run())
		}()
	}
	os.Exit(0)
}
