CREATE SCHEMA core;
CREATE TABLE core.customers (id INTEGER, name VARCHAR, city VARCHAR, credit DECIMAL(10, 2));
INSERT INTO core.customers VALUES (1, 'Ada', 'Berlin', 100.50), (2, 'Bo', 'Paris', 200), (3, 'Cem', 'Berlin', 50), (4, 'Di', NULL, 10);
CREATE TABLE core.shops (id INTEGER, name VARCHAR);
INSERT INTO core.shops VALUES (1, 'north'), (2, 'south'), (3, NULL);
CREATE TABLE core.orders (id INTEGER, customer_id INTEGER, shop_id INTEGER, status VARCHAR, amount DECIMAL(10, 2), ordered_at TIMESTAMP);
INSERT INTO core.orders VALUES
    (1, 1, 1, 'paid', 120.00, '2024-01-05 10:00:00'),
    (2, 1, 1, 'paid', 30.00, '2024-01-31 23:30:00'),
    (3, 2, 2, 'cancelled', 250.00, '2024-02-01 04:00:00'),
    (4, 2, 2, 'paid', 80.25, '2024-02-02 12:00:00'),
    (5, 3, 1, 'new', 10.00, '2024-03-10 06:30:00'),
    (6, 1, 3, 'new', 500.00, '2024-03-31 23:59:59.9995'),
    (7, NULL, NULL, NULL, 5.00, '2024-04-01 00:00:00'),
    (8, 2, 2, 'paid', 99.99, '2023-12-31 23:59:59');
CREATE TABLE core.returns (id INTEGER, shop_id INTEGER, amount DECIMAL(10, 2));
INSERT INTO core.returns VALUES (1, 1, 30.00), (2, NULL, 5.00);
