module example.com/qsmetrics

go 1.19
