// JDBC with autosave=always: a savepoint before each statement, definitions and mistakes among them, and
// the metadata that tools ask for.

import java.sql.*;

public class Autosave {
  public static void main(String[] args) throws Exception {
    var env = System.getenv();
    var url = "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE") + "?autosave=always&sslmode=disable&prepareThreshold=2";
    try (var db = DriverManager.getConnection(url, env.get("PGUSER"), env.get("PGPASSWORD")); var run = db.createStatement()) {
      db.setAutoCommit(false);
      run.execute("create table people (id serial primary key, email text unique, name text)");
      for (String name : new String[] {"Ann", "Bob", "Cy", "Di"}) {
        try (var insert = db.prepareStatement("insert into people (email, name) values (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
          insert.setString(1, name.toLowerCase() + "@example.com");
          insert.setString(2, name);
          insert.executeUpdate();
          try (var keys = insert.getGeneratedKeys()) { keys.next(); System.out.println("made " + keys.getInt(1) + " " + keys.getString("name")); }
        }
        mistake(run, "insert into people (email) values ('ann@example.com')");
        print(run, "select count(*), count(email), max(name) from people");
      }
      mistake(run, "selec 1");
      db.commit();
      for (int at = 0; at < 4; at++)
        try (var select = db.prepareStatement("select id, name, email from people where id > ? order by id")) {
          select.setInt(1, at);
          print(select.executeQuery());
        }
      run.execute("alter table people add column city text default 'Riga'");
      print(run, "select id, city, upper(name) from people order by id");
      mistake(run, "alter table nosuch add x int");
      print(run, "select * from people order by id");
      db.commit();
      run.setFetchSize(2);
      print(run, "select name, city from people order by id");
      try (var columns = db.getMetaData().getColumns(null, "public", "people", null)) { while (columns.next()) System.out.println(columns.getString(4) + " " + columns.getString(6) + " " + columns.getString(13)); }
      try (var keys = db.getMetaData().getPrimaryKeys(null, "public", "people")) { while (keys.next()) System.out.println(keys.getString(4) + " " + keys.getString(6)); }
      db.commit();
    }
  }

  static void mistake(Statement run, String text) {
    try { run.execute(text); System.out.println("no mistake"); } catch (SQLException error) { System.out.println("mistake " + error.getSQLState()); }
  }

  static void print(Statement run, String text) throws SQLException { print(run.executeQuery(text)); }

  static void print(ResultSet rows) throws SQLException {
    while (rows.next()) {
      var line = new StringBuilder("row");
      for (int at = 1; at <= rows.getMetaData().getColumnCount(); at++) line.append(' ').append(rows.getString(at));
      System.out.println(line);
    }
    rows.close();
  }
}
