# The scenario of postgres-drivers.test.ts with Perl's DBD::Pg: a JSON line for each step.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types :async);
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub emit { my ($step, $result) = @_; print $json->encode({ step => $step, result => $result }), "\n"; }

sub dbh {
  my ($more, %settings) = @_;
  my ($user, $password) = ($ENV{PGUSER}, delete $settings{password} // $ENV{PGPASSWORD});
  return DBI->connect("dbi:Pg:" . ($more // ''), $user, $password, { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, pg_enable_utf8 => 1, %settings });
}

sub error_of {
  my ($dbh) = @_;
  my %found = (sqlstate => $dbh->state, message => $dbh->pg_error_field('message_primary'));
  for my $name (qw(severity message_detail message_hint constraint)) {
    my $value = $dbh->pg_error_field($name);
    $found{$name} = $value if defined $value;
  }
  return \%found;
}

sub attempt { my ($dbh, $work) = @_; my $found = eval { $work->() }; return $@ ? error_of($dbh) : $found; }

sub rows { my ($dbh, $text, @values) = @_; return $dbh->selectall_arrayref($text, undef, @values); }

my @steps = (
  login => sub { my $dbh = dbh(); [rows($dbh, 'select current_user'), $dbh->{pg_server_version}, $dbh->{pg_standard_conforming_strings}] },
  channel_binding => sub { rows(dbh('channel_binding=require'), 'select 1') },
  without_tls => sub { rows(dbh('sslmode=disable'), 'select 1') },
  wrong_password => sub { eval { dbh('', password => 'wrong') }; [$DBI::err, $DBI::state] },
  types => sub {
    my $dbh = dbh();
    my @values = (
      [int2 => '-32768'], [int8 => '-9223372036854775808'], [numeric => '12345678901234567890.123456789'], [float8 => '0.1'],
      [bool => 1], [text => "ü😀👩‍👩‍👧'\\"], [uuid => '00000000-0000-0000-0000-000000000005'], [json => '{"k": ["ü", null]}'],
      [jsonb => '{"k": 1.5}'], [date => '2024-02-29'], [timestamptz => '2024-02-29 01:02:03.000004+00'],
      [interval => '3 days'], ['int4[]' => [1, 2, undef]], ['text[]' => ['a', 'b"\\', undef, '']], [text => undef],
    );
    my @out = map { rows($dbh, "select ?::$_->[0]", $_->[1]) } @values;
    my $bytes = $dbh->prepare('select ?::bytea');
    $bytes->bind_param(1, join('', map { chr } 0 .. 255), { pg_type => PG_BYTEA });
    $bytes->execute;
    push @out, unpack('H*', $bytes->fetchrow_array), $bytes->{TYPE}, $bytes->{pg_type};
    \@out;
  },
  big => sub { my $text = 'é4' x 2_500_000; rows(dbh(), 'select ?::text', $text)->[0][0] eq $text ? 1 : 0 },
  masked => sub {
    my $dbh = dbh();
    [rows($dbh, 'select * from people order by id'), rows($dbh, 'select contact, name from contacts where id = ?', 1),
      $dbh->selectall_arrayref('select id, email from people where id < ? order by id', { Slice => {} }, 4),
      rows($dbh, 'update people set note = note where id = ? returning id, email', 1)];
  },
  prepared => sub {
    my @out;
    for my $server (0, 1) {
      my $dbh = dbh('', pg_server_prepare => $server, pg_switch_prepared => 2);
      my $found = $dbh->prepare('select id, email, born, ssn from people where id = ?');
      my $blocked = $dbh->prepare('delete from people where ? or true');
      my $bare = $dbh->prepare('delete from people');
      for my $n (1 .. 10) {
        push @out, attempt($dbh, sub { $bare->execute }), attempt($dbh, sub { $bare->execute }) if $n == 6;
        $found->execute($n);
        push @out, $found->fetchall_arrayref;
      }
    }
    \@out;
  },
  batch => sub {
    my $dbh = dbh();
    my $made = $dbh->prepare('insert into things (id, name) values (?, ?)');
    my @out = ($made->execute_array({}, [1 .. 300], [map { "thing $_" } 1 .. 300]));
    push @out, attempt($dbh, sub { $dbh->do("insert into things (id) values (900); delete from people; select 1") });
    push @out, rows($dbh, 'select count(*) from things');
    $dbh->do('delete from things where id > 0');
    \@out;
  },
  transaction => sub {
    my $dbh = dbh('', AutoCommit => 0);
    my @out;
    $dbh->do("insert into things (id, name) values (1, 'kept')");
    $dbh->pg_savepoint('s');
    push @out, attempt($dbh, sub { $dbh->do('delete from people') }), attempt($dbh, sub { rows($dbh, 'select 1') }), $dbh->ping;
    $dbh->pg_rollback_to('s');
    $dbh->commit;
    $dbh->do("insert into things (id, name) values (2, 'lost')");
    push @out, attempt($dbh, sub { $dbh->do('drop table people') });
    $dbh->rollback;
    push @out, rows($dbh, 'select name from things');
    $dbh->do('delete from things where id > 0');
    $dbh->commit;
    \@out;
  },
  cursors => sub {
    my $dbh = dbh('', AutoCommit => 0);
    $dbh->do('declare c cursor for select id, email, born, note from people order by id');
    my @out = map { rows($dbh, 'fetch 7 from c') } 1 .. 9;
    $dbh->rollback;
    \@out;
  },
  copy => sub {
    my $dbh = dbh();
    my (@out, $line);
    for my $text ('copy people to stdout', 'copy (select id, email, ssn from people order by id) to stdout (format csv)') {
      $dbh->do($text);
      push @out, $line while $dbh->pg_getcopydata($line) >= 0;
    }
    $dbh->do('copy things (id, name) from stdin');
    $dbh->pg_putcopydata("$_\trow $_\n") for 1 .. 3000;
    push @out, $dbh->pg_putcopyend;
    $dbh->do('copy things (id, name) from stdin');
    push @out, attempt($dbh, sub { $dbh->pg_putcopydata("x\ty\n"); $dbh->pg_putcopyend });
    push @out, rows($dbh, 'select count(*) from things');
    $dbh->do('delete from things where id > 0');
    \@out;
  },
  cancel => sub {
    my $dbh = dbh();
    $dbh->do('select pg_sleep(30)', { pg_async => PG_ASYNC });
    select undef, undef, undef, 0.3;
    [$dbh->pg_cancel, rows($dbh, 'select 1')];
  },
  notices => sub {
    my $dbh = dbh('', PrintWarn => 1);
    my @out;
    local $SIG{__WARN__} = sub { push @out, $_[0] =~ s/ at \S+ line \d+.*//sr };
    $dbh->do("select say('careful')");
    $dbh->do('update people set note = note where id = 2');
    $dbh->do('listen ch');
    dbh()->do("notify ch, 'do you hear'");
    my $heard;
    until ($heard = $dbh->pg_notifies) { select undef, undef, undef, 0.02 }
    [\@out, $heard->[0], $heard->[2]];
  },
  errors => sub {
    my $dbh = dbh();
    $dbh->do("insert into things (id, name) values (1, 'one')");
    my @out = map { my $text = $_; attempt($dbh, sub { $dbh->do($text) }) }
      "insert into things (id, name) values (1, 'two')", 'select 1/0', 'select * from nowhere', 'selec 1';
    $dbh->do('delete from things where id > 0');
    \@out;
  },
  metadata => sub {
    my $dbh = dbh();
    [map { $_->fetchall_arrayref } $dbh->table_info(undef, 'public', '%', 'TABLE,VIEW'), $dbh->column_info(undef, 'public', 'people', '%'),
      $dbh->primary_key_info(undef, 'public', 'people'), $dbh->foreign_key_info(undef, 'public', 'people', undef, 'public', 'orders'),
      $dbh->statistics_info(undef, 'public', 'orders', 0, 0)];
  },
  hold => sub {
    my $dbh = dbh();
    $dbh->do('insert into scratch values (1)');
    [attempt($dbh, sub { $dbh->do('truncate scratch') }), rows($dbh, 'select count(*) from scratch'),
      attempt($dbh, sub { $dbh->do('truncate people') }), rows($dbh, 'select count(*) from people')];
  },
  closed => sub {
    my $dbh = dbh();
    emit('ready', undef);
    [attempt($dbh, sub { $dbh->do('select pg_sleep(30)') }), $dbh->ping, $dbh->state];
  },
);

while (my ($name, $step) = splice @steps, 0, 2) {
  my $found = eval { $step->() };
  emit($name, $@ ? { unexpected => "$@" } : $found);
}
