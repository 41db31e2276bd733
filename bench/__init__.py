"""What our code costs against what the machine, Postgres and the broker cost by themselves."""
