<?php
// The scenario of postgres-drivers.test.ts with PHP's PDO and its pgsql functions: a JSON line for each step.

function emit(string $step, mixed $result): void {
    echo json_encode(['step' => $step, 'result' => $result], JSON_THROW_ON_ERROR), "\n";
    flush();
}

function connect(string $more = '', ?string $password = null, array $settings = []): PDO {
    $user = getenv('PGUSER');
    return new PDO('pgsql:dbname=' . getenv('PGDATABASE') . $more, $user, $password ?? getenv('PGPASSWORD'), $settings + [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
    ]);
}

function attempt(callable $work): mixed {
    try {
        return $work();
    } catch (PDOException $error) {
        return ['class' => $error::class, 'sqlstate' => $error->errorInfo[0] ?? null, 'message' => explode("\n", $error->errorInfo[2] ?? '')];
    }
}

function rows(PDO $conn, string $text, array $values = []): array {
    $found = $conn->prepare($text);
    $found->execute($values);
    return $found->fetchAll();
}

$steps = [
    'login' => fn () => [rows($conn = connect(), 'select current_user'), $conn->getAttribute(PDO::ATTR_SERVER_VERSION)],
    'channel_binding' => fn () => rows(connect(';channel_binding=require'), 'select 1'),
    'without_tls' => fn () => rows(connect(';sslmode=disable'), 'select 1'),
    'wrong_password' => function () {
        try {
            connect('', 'wrong');
        } catch (PDOException $error) {
            return $error->getCode();
        }
    },
    'types' => function () {
        $out = [];
        foreach ([false, true] as $emulate) {
            $conn = connect('', null, [PDO::ATTR_EMULATE_PREPARES => $emulate]);
            foreach ([
                ['int2', -32768], ['int8', PHP_INT_MIN], ['numeric', '12345678901234567890.123456789'], ['float8', 0.1], ['text', "ü😀👩‍👩‍👧'\\."],
                ['uuid', '00000000-0000-0000-0000-000000000005'], ['json', '{"k": ["ü", null]}'], ['jsonb', '{"k": 1.5}'], ['date', '2024-02-29'],
                ['timestamptz', '2024-02-29 01:02:03.000004+00'], ['interval', '3 days'], ['int4[]', '{1,2,NULL}'], ['text', null],
            ] as [$kind, $value]) {
                $out[] = rows($conn, "select cast(? as $kind)", [$value]);
            }
            $bytes = $conn->prepare('select cast(? as bytea)');
            $bytes->bindValue(1, implode('', array_map('chr', range(0, 255))), PDO::PARAM_LOB);
            $bytes->execute();
            $out[] = bin2hex(stream_get_contents($bytes->fetchColumn()));
            $out[] = $bytes->getColumnMeta(0);
        }
        return $out;
    },
    'big' => function () {
        $text = str_repeat('é4', 2_500_000);
        return rows(connect(), 'select cast(? as text)', [$text])[0][0] === $text;
    },
    'masked' => fn () => [
        rows($conn = connect(), 'select * from people order by id'), rows($conn, 'select contact, name from contacts where id = ?', [1]),
        rows($conn, 'update people set note = note where id = ? returning id, email', [1]),
    ],
    'prepared' => function () {
        $conn = connect();
        $found = $conn->prepare('select id, email, born, ssn from people where id = ?');
        $blocked = $conn->prepare('delete from people');
        $out = [];
        for ($n = 1; $n <= 10; $n++) {
            if ($n > 5) {
                $out[] = attempt(fn () => $blocked->execute());
            }
            $found->execute([$n]);
            $out[] = $found->fetchAll();
        }
        $out[] = attempt(fn () => $conn->exec('insert into things (id) values (900); delete from people; select 1'));
        $out[] = rows($conn, 'select count(*) from things');
        return $out;
    },
    'transaction' => function () {
        $conn = connect();
        $conn->beginTransaction();
        $conn->exec("insert into things (id, name) values (1, 'kept')");
        $conn->exec('savepoint s');
        $out = [attempt(fn () => $conn->exec('delete from people')), attempt(fn () => rows($conn, 'select 1'))];
        $conn->exec('rollback to s');
        $conn->commit();
        $conn->beginTransaction();
        $out[] = attempt(fn () => $conn->exec('drop table people'));
        $conn->rollBack();
        $out[] = rows($conn, 'select name from things');
        $conn->exec('delete from things where id > 0');
        return $out;
    },
    'cursors' => function () {
        $conn = connect();
        $conn->beginTransaction();
        $found = $conn->prepare('select id, email, born, note from people order by id', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
        $found->execute();
        $out = [];
        while ($row = $found->fetch()) {
            $out[] = $row;
        }
        $out[] = $found->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_ABS, 3);
        return $out;
    },
    'copy' => function () {
        $conn = connect();
        $out = [$conn->pgsqlCopyToArray('people', "\t", '\\\\N', 'id,email,ssn')];
        $lines = array_map(fn ($n) => "$n\trow $n\n", range(1, 3000));
        $out[] = $conn->pgsqlCopyFromArray('things', $lines, "\t", '\\\\N', 'id,name');
        $out[] = attempt(fn () => $conn->pgsqlCopyFromArray('things', ["x\ty\n"], "\t", '\\\\N', 'id,name'));
        $out[] = rows($conn, 'select count(*) from things');
        $conn->exec('delete from things where id > 0');
        return $out;
    },
    'cancel' => function () {
        $conn = pg_connect('');
        pg_send_query($conn, 'select pg_sleep(30)');
        usleep(300_000);
        $out = [pg_cancel_query($conn), pg_fetch_all(pg_query($conn, 'select 1'))];
        pg_close($conn);
        return $out;
    },
    'notices' => function () {
        $conn = pg_connect('', PGSQL_CONNECT_FORCE_NEW);
        pg_query($conn, "select say('careful')");
        pg_query($conn, 'update people set note = note where id = 2');
        $out = pg_last_notice($conn, PGSQL_NOTICE_ALL);
        $listening = connect();
        $listening->exec('listen ch');
        pg_query($conn, "notify ch, 'do you hear'");
        $heard = $listening->pgsqlGetNotify(PDO::FETCH_ASSOC, 5000);
        return [$out, $heard['message'] ?? null, $heard['payload'] ?? null];
    },
    'errors' => function () {
        $conn = connect();
        $conn->exec("insert into things (id, name) values (1, 'one')");
        $out = [];
        foreach (["insert into things (id, name) values (1, 'two')", 'select 1/0', 'select * from nowhere', 'selec 1'] as $text) {
            $out[] = attempt(fn () => $conn->exec($text));
        }
        $conn->exec('delete from things where id > 0');
        return $out;
    },
    'metadata' => fn () => [pg_meta_data($conn = pg_connect(''), 'people'), pg_select($conn, 'things', ['id' => 1])],
    'hold' => function () {
        $conn = connect();
        $conn->exec('insert into scratch values (1)');
        return [
            attempt(fn () => $conn->exec('truncate scratch')), rows($conn, 'select count(*) from scratch'),
            attempt(fn () => $conn->exec('truncate people')), rows($conn, 'select count(*) from people'),
        ];
    },
    'closed' => function () {
        $conn = connect();
        emit('ready', null);
        return [attempt(fn () => rows($conn, 'select pg_sleep(30)')), attempt(fn () => rows($conn, 'select 1'))];
    },
];

foreach ($steps as $name => $step) {
    try {
        emit($name, $step());
    } catch (Throwable $error) {
        emit($name, ['unexpected' => $error->getMessage()]);
    }
}
