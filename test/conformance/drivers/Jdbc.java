// The scenario of postgres-drivers.test.ts with PostgreSQL's JDBC driver: a JSON line for each step.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Jdbc {
  interface Step {
    Object run() throws Exception;
  }

  static String json(Object value) {
    if (value == null) return "null";
    if (value instanceof Boolean || value instanceof Integer || value instanceof Long) return value.toString();
    if (value instanceof Map<?, ?> map) {
      StringJoiner out = new StringJoiner(",", "{", "}");
      map.forEach((key, one) -> out.add(json(key.toString()) + ":" + json(one)));
      return out.toString();
    }
    if (value instanceof Iterable<?> list) {
      StringJoiner out = new StringJoiner(",", "[", "]");
      for (Object one : list) out.add(json(one));
      return out.toString();
    }
    if (value instanceof byte[] bytes) return json("bytes " + HexFormat.of().formatHex(bytes));
    StringBuilder out = new StringBuilder("\"");
    for (char c : value.toString().toCharArray())
      if (c < 32 || c == '"' || c == '\\') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    return out.append('"').toString();
  }

  static void emit(String step, Object result) {
    byte[] line = ("{\"step\":" + json(step) + ",\"result\":" + json(result) + "}\n").getBytes(java.nio.charset.StandardCharsets.UTF_8);
    System.out.write(line, 0, line.length);
    System.out.flush();
  }

  static Map<String, Object> errorOf(SQLException error) {
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("class", error.getClass().getSimpleName());
    found.put("sqlstate", error.getSQLState());
    ServerErrorMessage server = error instanceof PSQLException one ? one.getServerErrorMessage() : null;
    if (server == null) found.put("message", error.getMessage().replaceAll("jdbc:\\S+|\\d+\\.\\d+\\.\\d+\\.\\d+:\\d+", ""));
    else {
      found.put("severity", server.getSeverity());
      found.put("message", server.getMessage());
      if (server.getHint() != null) found.put("hint", server.getHint());
      if (server.getDetail() != null) found.put("detail", server.getDetail());
      if (server.getConstraint() != null) found.put("constraint", server.getConstraint());
    }
    if (error instanceof BatchUpdateException batch) found.put("counts", Arrays.stream(batch.getUpdateCounts()).boxed().toList());
    if (error.getNextException() != null && error.getNextException() != error) found.put("next", errorOf(error.getNextException()));
    return found;
  }

  static Object attempt(Step work) throws Exception {
    try {
      return work.run();
    } catch (SQLException error) {
      return errorOf(error);
    }
  }

  static Connection connect(String... more) throws SQLException {
    Map<String, String> env = System.getenv();
    Properties settings = new Properties();
    settings.put("user", env.get("PGUSER"));
    settings.put("password", env.get("PGPASSWORD"));
    settings.put("sslmode", env.get("PGSSLMODE"));
    settings.put("sslrootcert", env.get("PGSSLROOTCERT"));
    for (int i = 0; i < more.length; i += 2) settings.put(more[i], more[i + 1]);
    return DriverManager.getConnection("jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE"), settings);
  }

  static List<List<Object>> rows(ResultSet result) throws SQLException {
    List<List<Object>> all = new ArrayList<>();
    int columns = result.getMetaData().getColumnCount();
    while (result.next()) {
      List<Object> row = new ArrayList<>();
      for (int n = 1; n <= columns; n++) {
        Object value = result.getObject(n);
        row.add(value instanceof Array array ? Arrays.asList((Object[]) array.getArray()) : value);
      }
      all.add(row);
    }
    return all;
  }

  static List<List<Object>> query(Connection conn, String text, Object... values) throws SQLException {
    try (PreparedStatement statement = conn.prepareStatement(text)) {
      for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
      return rows(statement.executeQuery());
    }
  }

  static int update(Connection conn, String text) throws SQLException {
    try (Statement statement = conn.createStatement()) {
      return statement.executeUpdate(text);
    }
  }

  static Object login() throws Exception {
    try (Connection conn = connect()) {
      DatabaseMetaData about = conn.getMetaData();
      return List.of(query(conn, "select current_user"), about.getDriverVersion(), about.getDatabaseProductVersion());
    }
  }

  static Object withoutTls() throws Exception {
    try (Connection conn = connect("sslmode", "disable")) {
      return query(conn, "select 1");
    }
  }

  static Object wrongPassword() throws Exception {
    Map<?, ?> found = (Map<?, ?>) attempt(() -> connect("password", "wrong"));
    return List.of(found.get("class"), found.get("sqlstate"));
  }

  static Object types() throws Exception {
    List<Object> out = new ArrayList<>();
    for (String mode : new String[] {"extended", "simple"})
      try (Connection conn = connect("preferQueryMode", mode, "prepareThreshold", "2")) {
        String text = "select ?::int2, ?::int4, ?::int8, ?::numeric, ?::float8, ?::bool, ?::text, ?::bytea, ?::uuid, ?::jsonb::text,"
            + " ?::date, ?::timestamp, ?::timestamptz, ?::interval::text, ?::int4[], ?::text[], ?::text";
        try (PreparedStatement statement = conn.prepareStatement(text)) {
          for (int round = 0; round < 4; round++) {
            Object[] values = {(short) -32768, 2147483647, -9223372036854775808L, new BigDecimal("12345678901234567890.123456789"), 0.1,
              true, "ü😀👩‍👩‍👧'\\.", new byte[] {0, 1, (byte) 255}, new UUID(1, 5), "{\"k\": [\"ü\", null]}", LocalDate.of(2024, 2, 29),
              LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4000), OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 4000, ZoneOffset.UTC), "3 days 4 seconds",
              conn.createArrayOf("int4", new Integer[] {1, 2, null}), conn.createArrayOf("text", new String[] {"a", "b\"\\", null, ""}), null};
            for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
            if (mode.equals("simple")) statement.setNull(8, Types.BINARY);
            out.add(rows(statement.executeQuery()));
          }
          ResultSetMetaData about = statement.getMetaData();
          for (int n = 1; n <= about.getColumnCount(); n++) out.add(about.getColumnTypeName(n) + about.getPrecision(n));
        }
      }
    return out;
  }

  static Object big() throws Exception {
    try (Connection conn = connect()) {
      String text = "é4".repeat(2_500_000);
      return query(conn, "select ?::text", text).get(0).get(0).equals(text);
    }
  }

  static Object masked() throws Exception {
    try (Connection conn = connect("prepareThreshold", "-1", "binaryTransfer", "true")) {
      return List.of(
          query(conn, "select * from people order by id"),
          query(conn, "select contact, name from contacts where id = ?", 1),
          query(conn, "update people set note = note where id = ? returning id, email, born", 1));
    }
  }

  static Object prepared() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect();
        PreparedStatement statement = conn.prepareStatement("select id, email, born, ssn, name from people where id = ?");
        PreparedStatement blocked = conn.prepareStatement("delete from people")) {
      for (int n = 1; n <= 14; n++) {
        if (n == 7 || n > 10) out.add(attempt(blocked::executeUpdate));
        statement.setInt(1, n);
        out.add(rows(statement.executeQuery()));
      }
      for (int n = 0; n < 5; n++) out.add(attempt(blocked::executeUpdate));
    }
    return out;
  }

  static Object batch(boolean rewrite) throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect("reWriteBatchedInserts", String.valueOf(rewrite))) {
      try (PreparedStatement statement = conn.prepareStatement("insert into things (id, name) values (?, ?)")) {
        for (int round = 0; round < 2; round++) {
          for (int n = round * 500; n < round * 500 + 500; n++) {
            statement.setInt(1, n);
            statement.setString(2, "thing " + n);
            statement.addBatch();
          }
          out.add(Arrays.stream(statement.executeBatch()).sum());
        }
        for (int n : new int[] {2000, 1, 2001}) {
          statement.setInt(1, n);
          statement.setString(2, "again " + n);
          statement.addBatch();
        }
        out.add(attempt(() -> statement.executeBatch()));
      }
      for (boolean auto : new boolean[] {true, false}) {
        conn.setAutoCommit(auto);
        try (Statement statement = conn.createStatement()) {
          statement.addBatch("insert into things (id) values (3000)");
          statement.addBatch("delete from people");
          statement.addBatch("insert into things (id) values (3001)");
          out.add(attempt(() -> statement.executeBatch()));
        }
        out.add(attempt(() -> query(conn, "select count(*) from things")));
        if (!auto) conn.rollback();
      }
      conn.setAutoCommit(true);
      out.add(attempt(() -> update(conn, "insert into things (id) values (3002); delete from people; select 1")));
      out.add(query(conn, "select id from things where id >= 2000 order by 1"));
      update(conn, "delete from things where id >= 0");
    }
    return out;
  }

  static Object transaction() throws Exception {
    List<Object> out = new ArrayList<>();
    for (String autosave : new String[] {"never", "always"})
      try (Connection conn = connect("autosave", autosave)) {
        conn.setAutoCommit(false);
        update(conn, "insert into things (id, name) values (1, 'kept')");
        Savepoint point = conn.setSavepoint("s");
        out.add(attempt(() -> update(conn, "delete from people")));
        out.add(attempt(() -> query(conn, "select 1")));
        conn.rollback(point);
        conn.commit();
        update(conn, "insert into things (id, name) values (2, 'lost')");
        out.add(attempt(() -> update(conn, "drop table people")));
        out.add(attempt(() -> { conn.commit(); return null; }));
        out.add(query(conn, "select name from things order by 1"));
        update(conn, "delete from things where id > 0");
        conn.commit();
      }
    return out;
  }

  static Object cursors() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect()) {
      conn.setAutoCommit(false);
      for (int round = 0; round < 7; round++)
        try (PreparedStatement statement = conn.prepareStatement("select id, email, born, note from people where id > ? order by id")) {
          statement.setInt(1, round);
          statement.setFetchSize(7);
          out.add(rows(statement.executeQuery()));
        }
      try (Statement statement = conn.createStatement()) {
        statement.setMaxRows(3);
        out.add(rows(statement.executeQuery("select email from people order by id")));
      }
      try (Statement statement = conn.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
          ResultSet result = statement.executeQuery("select id, name from things")) {
        result.moveToInsertRow();
        result.updateInt(1, 1);
        result.updateString(2, "inserted");
        result.insertRow();
        result.absolute(1);
        out.add(result.getString(2));
        result.updateString(2, "updated");
        result.updateRow();
        result.deleteRow();
      }
      conn.commit();
    }
    return out;
  }

  static Object copy() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect()) {
      CopyManager copies = conn.unwrap(PGConnection.class).getCopyAPI();
      for (String text : new String[] {"copy people to stdout", "copy (select id, email, ssn from people) to stdout (format csv, header)"}) {
        StringWriter into = new StringWriter();
        out.add(copies.copyOut(text, into));
        out.add(into.toString());
      }
      StringBuilder lines = new StringBuilder();
      for (int n = 0; n < 3000; n++) lines.append(n).append("\trow ").append(n).append(" 😀\n");
      out.add(copies.copyIn("copy things (id, name) from stdin", new StringReader(lines.toString())));
      out.add(attempt(() -> copies.copyIn("copy things (id, name) from stdin", new StringReader("x\ty\n"))));
      out.add(query(conn, "select count(*) from things"));
      update(conn, "delete from things where id >= 0");
    }
    return out;
  }

  static Object cancel() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect(); Statement statement = conn.createStatement()) {
      Thread other = new Thread(() -> {
        try {
          Thread.sleep(300);
          statement.cancel();
        } catch (Exception error) {
          throw new RuntimeException(error);
        }
      });
      other.start();
      out.add(attempt(() -> rows(statement.executeQuery("select pg_sleep(30)"))));
      other.join();
      out.add(query(conn, "select 1"));
      statement.setQueryTimeout(1);
      out.add(attempt(() -> rows(statement.executeQuery("select pg_sleep(30)"))));
      out.add(query(conn, "select 1"));
      out.add(conn.isValid(2));
    }
    return out;
  }

  static Object notices() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect(); Statement statement = conn.createStatement()) {
      for (String text : new String[] {"select say('careful')", "update people set note = note where id = 2"}) {
        statement.execute(text);
        for (SQLWarning one = statement.getWarnings(); one != null; one = one.getNextWarning())
          out.add(one.getSQLState() + " " + one.getMessage());
      }
      statement.execute("listen ch");
      try (Connection other = connect()) {
        update(other, "notify ch, 'do you hear'");
      }
      for (PGNotification one : conn.unwrap(PGConnection.class).getNotifications(5000))
        out.add(List.of(one.getName(), one.getParameter()));
    }
    return out;
  }

  static Object errors() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect()) {
      update(conn, "insert into things (id, name) values (1, 'one')");
      for (String text : new String[] {"insert into things (id, name) values (1, 'two')", "select 1/0", "select * from nowhere", "select 'x'::int", "selec 1"})
        out.add(attempt(() -> query(conn, text)));
      update(conn, "delete from things where id > 0");
    }
    return out;
  }

  static Object largeObject() throws Exception {
    try (Connection conn = connect()) {
      conn.setAutoCommit(false);
      LargeObjectManager objects = conn.unwrap(PGConnection.class).getLargeObjectAPI();
      return attempt(() -> {
        long id = objects.createLO(LargeObjectManager.READWRITE);
        var one = objects.open(id, LargeObjectManager.READWRITE);
        one.write("large".repeat(1000).getBytes());
        one.seek(5);
        byte[] back = one.read(5000);
        one.close();
        objects.delete(id);
        return back.length;
      });
    }
  }

  static Object metadata() throws Exception {
    Map<String, Object> out = new LinkedHashMap<>();
    try (Connection conn = connect()) {
      DatabaseMetaData about = conn.getMetaData();
      String[] kinds = {"TABLE", "VIEW", "INDEX", "SEQUENCE"};
      out.put("catalog", List.of(conn.getCatalog(), query(conn, "select current_database()"), rows(about.getCatalogs())));
      out.put("tables", rows(about.getTables(null, "public", "%", kinds)));
      out.put("columns", rows(about.getColumns(null, "public", "%", "%")));
      out.put("primary", rows(about.getPrimaryKeys(null, "public", "people")));
      out.put("imported", rows(about.getImportedKeys(null, "public", "orders")));
      out.put("exported", rows(about.getExportedKeys(null, "public", "people")));
      out.put("indexes", rows(about.getIndexInfo(null, "public", "orders", false, true)));
      out.put("schemas", rows(about.getSchemas()));
      out.put("types", rows(about.getTypeInfo()).size());
      out.put("functions", rows(about.getFunctions(null, "public", "%")));
      out.put("privileges", rows(about.getTablePrivileges(null, "public", "people")));
      out.put("best", rows(about.getBestRowIdentifier(null, "public", "people", 1, true)));
    }
    return out;
  }

  static Object hold() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect()) {
      update(conn, "insert into scratch values (1)");
      out.add(attempt(() -> update(conn, "truncate scratch")));
      out.add(query(conn, "select count(*) from scratch"));
      out.add(attempt(() -> update(conn, "truncate people")));
      out.add(query(conn, "select count(*) from people"));
    }
    return out;
  }

  static Object withdrawn() throws Exception {
    List<Object> out = new ArrayList<>();
    try (Connection conn = connect(); Connection other = connect(); Statement statement = conn.createStatement()) {
      // There it waits for a lock, and here for an approval that nobody gives.
      other.setAutoCommit(false);
      update(other, "lock table slow");
      statement.setQueryTimeout(1);
      out.add(attempt(() -> statement.executeUpdate("truncate slow")));
      out.add(query(conn, "select 1"));
    }
    return out;
  }

  static Object closed() throws Exception {
    Connection conn = connect();
    emit("ready", null);
    Object error = attempt(() -> query(conn, "select pg_sleep(30)"));
    return List.of(error, conn.isClosed(), attempt(() -> query(conn, "select 1")));
  }

  public static void main(String[] args) {
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("login", Jdbc::login);
    steps.put("without_tls", Jdbc::withoutTls);
    steps.put("wrong_password", Jdbc::wrongPassword);
    steps.put("types", Jdbc::types);
    steps.put("big", Jdbc::big);
    steps.put("masked", Jdbc::masked);
    steps.put("prepared", Jdbc::prepared);
    steps.put("batch", () -> batch(false));
    steps.put("batch rewritten", () -> batch(true));
    steps.put("transaction", Jdbc::transaction);
    steps.put("cursors", Jdbc::cursors);
    steps.put("copy", Jdbc::copy);
    steps.put("cancel", Jdbc::cancel);
    steps.put("notices", Jdbc::notices);
    steps.put("errors", Jdbc::errors);
    steps.put("large_object", Jdbc::largeObject);
    steps.put("metadata", Jdbc::metadata);
    steps.put("hold", Jdbc::hold);
    steps.put("withdrawn", Jdbc::withdrawn);
    steps.put("closed", Jdbc::closed);
    steps.forEach((name, step) -> {
      try {
        emit(name, step.run());
      } catch (Exception error) {
        emit(name, Map.of("unexpected", error.toString()));
      }
    });
  }
}
