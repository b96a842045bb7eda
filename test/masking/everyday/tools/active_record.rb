# Migrations up, down and up again by ActiveRecord's own runner, schema.rb, and a session of models.

require 'active_record'

ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER'], password: ENV['PGPASSWORD'], database: ENV['PGDATABASE'])
ActiveRecord::Migration.verbose = false

class CreateShop < ActiveRecord::Migration[6.1]
  def change
    enable_extension 'pg_trgm'
    create_table :people do |t|
      t.string :email, index: { unique: true }
      t.string :name, null: false
      t.jsonb :meta, default: {}
      t.text :tags, array: true
    end
    create_table :orders do |t|
      t.references :person, foreign_key: { on_delete: :cascade }
      t.decimal :total, precision: 10, scale: 2
    end
  end
end

class Person < ActiveRecord::Base
  has_many :orders
  validates :email, uniqueness: true
end

class Order < ActiveRecord::Base
  belongs_to :person
end

class Fill < ActiveRecord::Migration[6.1]
  def up
    add_column :people, :city, :string, default: 'Riga'
    Person.reset_column_information
    %w[Ann Bob].each { |name| Person.create!(name: name, email: "#{name.downcase}@example.com", tags: [name]) }
    Person.find_each { |person| person.orders.create!(total: person.id * 10) }
    change_column_null :orders, :total, false
    add_index :orders, :total
  end

  def down
    Order.delete_all
    Person.delete_all
    remove_index :orders, :total
    remove_column :people, :city
  end
end

[[1, CreateShop], [2, Fill]].each { |version, migration| migration.define_singleton_method(:version) { version } }
source = Class.new(ActiveRecord::MigrationContext) do
  def migrations
    [[1, CreateShop], [2, Fill]].map { |version, migration| ActiveRecord::MigrationProxy.new(migration.name, version, '', '').tap { |proxy| proxy.define_singleton_method(:migration) { migration.new(name, version) } } }
  end
end
context = source.new([], ActiveRecord::SchemaMigration)
context.migrate
context.rollback(1)
context.migrate
puts "version #{context.current_version}"
ActiveRecord::SchemaDumper.dump
puts "all #{Person.order(:id).map(&:attributes)}"
puts "joined #{Order.joins(:person).order(:id).pluck('orders.id', 'people.name', :total).inspect}"
puts "counts #{Person.count(:email)} #{Order.sum(:total)} #{Person.group(:city).count}"
puts "found #{Person.find_by(email: 'ann@example.com').name} #{Person.where.not(email: nil).exists?}"
puts "invalid #{Person.new(name: 'x', email: 'ann@example.com').valid?}"
Person.transaction do
  begin
    Person.transaction(requires_new: true) { Person.insert!({ name: 'x', email: 'ann@example.com' }) }
  rescue ActiveRecord::RecordNotUnique => error
    puts "inside #{error.class}"
  end
  Person.find_by(name: 'Bob').update!(meta: { points: Order.count })
  puts "goes on #{Person.lock.find_by(name: 'Bob').meta}"
end
puts "upsert #{Person.upsert_all([{ email: 'ann@example.com', name: 'Ann B' }], unique_by: :email, returning: :name).rows}"
