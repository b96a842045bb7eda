# The scenario of postgres-drivers.test.ts with Ruby's pg: a JSON line for each step.
require 'json'
require 'pg'

def emit(step, result)
  puts JSON.generate({ step: step, result: result })
  $stdout.flush
end

def error_of(error)
  found = { class: error.class.name }
  result = error.respond_to?(:result) && error.result
  if result
    { sqlstate: PG::PG_DIAG_SQLSTATE, severity: PG::PG_DIAG_SEVERITY, message: PG::PG_DIAG_MESSAGE_PRIMARY,
      detail: PG::PG_DIAG_MESSAGE_DETAIL, message_hint: PG::PG_DIAG_MESSAGE_HINT }.each do |name, field|
      found[name] = result.error_field(field) if result.error_field(field)
    end
  end
  found
end

def attempt
  yield
rescue PG::Error => error
  error_of(error)
end

def connect(**more)
  PG.connect(**more)
end

def rows(conn, text, values = [], format = 0)
  conn.exec_params(text, values, format).values
end

def hex(conn, text, values = [])
  conn.exec_params(text, values, 1).values.map { |row| row.map { |one| one&.unpack1('H*') } }
end

STEPS = {
  login: -> { conn = connect; [rows(conn, 'select current_user'), conn.ssl_in_use?, conn.internal_encoding.to_s, conn.server_version] },
  channel_binding: -> { rows(connect(channel_binding: 'require'), 'select 1') },
  without_tls: -> { conn = connect(sslmode: 'disable'); [conn.ssl_in_use?, rows(conn, 'select 1')] },
  wrong_password: -> { attempt { connect(password: 'wrong') }[:class] },
  types: lambda do
    conn = connect
    values = {
      int2: '-32768', int8: '-9223372036854775808', numeric: '12345678901234567890.123456789', float8: '0.1', bool: 't',
      text: "ü😀👩‍👩‍👧'\\", uuid: '00000000-0000-0000-0000-000000000005', json: '{"k": ["ü", null]}', jsonb: '{"k": 1.5}',
      date: '2024-02-29', timestamptz: '2024-02-29 01:02:03.000004+00', interval: '3 days 00:00:04', 'int4[]': '{1,2,NULL}',
      'text[]': '{a,NULL,""}', varchar: nil
    }
    out = values.map { |kind, value| [kind, rows(conn, "select $1::#{kind}", [value]), hex(conn, "select $1::#{kind}", [value])] }
    mapped = connect
    mapped.type_map_for_results = PG::BasicTypeMapForResults.new(mapped)
    mapped.type_map_for_queries = PG::BasicTypeMapForQueries.new(mapped)
    out << mapped.exec_params('select $1::int8, $2::float8, $3::text, $4::bool, $5::int8[], now() > $6::timestamptz',
                              [5, 0.5, 'ü', false, [1, 2], Time.at(0)]).values.inspect
    bytes = { value: (0..255).to_a.pack('C*'), format: 1, type: 17 }
    out << hex(conn, 'select $1::bytea', [bytes])
  end,
  big: -> { text = 'é4' * 2_500_000; connect.exec_params('select $1::text', [text]).getvalue(0, 0) == text },
  masked: lambda do
    conn = connect
    [
      rows(conn, 'select * from people order by id'),
      hex(conn, 'select ssn, born, tags from people where id < 3'),
      conn.exec_params('select email from people where id = 3', [], 1).values,
      rows(conn, 'select contact, name from contacts where id = 1'),
      rows(conn, 'update people set note = note where id = 1 returning id, email')
    ]
  end,
  prepared: lambda do
    conn = connect
    conn.prepare('p', 'select id, email, born, ssn from people where id = $1')
    out = []
    (1..10).each do |n|
      out << attempt { conn.exec_params('delete from people where $1 or true', [true]) } if n == 6
      out << conn.exec_prepared('p', [n]).values
    end
    out << conn.describe_prepared('p').nfields
  end,
  pipeline: lambda do
    conn = connect
    out = []
    conn.enter_pipeline_mode
    conn.send_query_params("insert into things (id, name) values (1, 'first')", [])
    conn.send_query_params('select id, email from people where id = $1', [2])
    conn.send_query_params('delete from people', [])
    conn.send_query_params("insert into things (id, name) values (2, 'last')", [])
    conn.pipeline_sync
    conn.send_query_params('select count(*) from things', [])
    conn.pipeline_sync
    syncs = 0
    until syncs == 2
      result = attempt { conn.get_result } or next
      if result.is_a?(Hash)
        out << result
      else
        syncs += 1 if result.result_status == PG::PGRES_PIPELINE_SYNC
        out << [result.res_status(result.result_status), result.cmd_status, result.ntuples.positive? ? result.values : nil]
      end
    end
    conn.exit_pipeline_mode
    out << rows(conn, 'select id from things')
  end,
  transaction: lambda do
    conn = connect
    out = []
    out << attempt do
      conn.transaction do
        conn.exec("insert into things (id, name) values (1, 'lost')")
        conn.exec('savepoint s')
        out << attempt { conn.exec('drop table people') }
        out << attempt { conn.exec('select 1') }
        out << conn.transaction_status
        conn.exec('rollback to s')
        conn.exec('delete from people')
      end
    end
    out << conn.transaction_status << rows(conn, 'select name from things')
  end,
  cursors: lambda do
    conn = connect
    conn.transaction do
      conn.exec('declare c cursor for select id, email, born, note from people order by id')
      (1..9).map { conn.exec('fetch 7 from c').values }
    end
  end,
  rows_one_by_one: lambda do
    conn = connect
    conn.send_query('select id, email from people order by id; select 7')
    conn.set_single_row_mode
    out = []
    while (result = conn.get_result)
      out += result.values
    end
    out
  end,
  copy: lambda do
    conn = connect
    out = []
    conn.copy_data('copy people to stdout') { while (row = conn.get_copy_data); out << row; end }
    decoder = PG::TextDecoder::CopyRow.new
    conn.copy_data('copy (select id, email, ssn from people order by id) to stdout', decoder) { while (row = conn.get_copy_data); out << row; end }
    encoder = PG::TextEncoder::CopyRow.new
    conn.copy_data('copy things (id, name) from stdin', encoder) { 3000.times { |n| conn.put_copy_data([n, "row\t#{n} 😀"]) } }
    out << attempt { conn.copy_data('copy things (id, name) from stdin') { conn.put_copy_data("x\ty\n") } }
    out << rows(conn, 'select count(*) from things')
    conn.exec('delete from things where id >= 0')
    out
  end,
  cancel: lambda do
    conn = connect
    conn.send_query('select pg_sleep(30)')
    sleep 0.3
    [conn.cancel, attempt { conn.get_last_result }, rows(conn, 'select 1')]
  end,
  notices: lambda do
    conn = connect
    out = []
    conn.set_notice_processor { |message| out << message }
    conn.exec("select say('careful')")
    conn.exec('update people set note = note where id = 2')
    conn.exec('listen ch')
    connect.exec("notify ch, 'do you hear'")
    conn.wait_for_notify(5) { |channel, _, payload| out << [channel, payload] }
    out
  end,
  errors: lambda do
    conn = connect
    conn.exec("insert into things (id, name) values (1, 'one')")
    out = ["insert into things (id, name) values (1, 'two')", 'select 1/0', 'select * from nowhere', 'selec 1'].map { |text| attempt { conn.exec(text) } }
    conn.exec('delete from things where id > 0')
    out
  end,
  large_object: -> { conn = connect; conn.transaction { attempt { id = conn.lo_creat; one = conn.lo_open(id, 0x60000); [conn.lo_write(one, 'large'), conn.lo_tell(one)] } } },
  hold: lambda do
    conn = connect
    conn.exec('insert into scratch values (1)')
    [attempt { conn.exec('truncate scratch').cmd_status }, rows(conn, 'select count(*) from scratch'),
     attempt { conn.exec('truncate people').cmd_status }, rows(conn, 'select count(*) from people')]
  end,
  closed: lambda do
    conn = connect
    emit('ready', nil)
    [attempt { conn.exec('select pg_sleep(30)').values }, conn.status, attempt { conn.exec('select 1').values }[:class]]
  end
}.freeze

STEPS.each do |name, step|
  emit(name, step.call)
rescue StandardError => error
  emit(name, { unexpected: error.inspect })
end
