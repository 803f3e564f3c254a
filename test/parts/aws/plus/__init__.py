"""What moto lacks, added to its own classes: a file for each service, all imported when the server starts."""
