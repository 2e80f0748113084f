module tcptop

go 1.26.0
