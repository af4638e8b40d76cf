-- Airflow and MLflow keep their own databases; the warehouse is the one that the image makes.
create database airflow;
create database mlflow;
create database mlflow_auth;
