// An app without the SDK: says who it is and how often it was started.
package main

import (
	"fmt"
	"os"
	"strconv"
)

const path = "/data/starts"

func count() (int, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	before, _ := strconv.Atoi(string(text))
	return before + 1, os.WriteFile(path, []byte(strconv.Itoa(before+1)), 0o600)
}

func main() {
	counted := make(chan int)
	go func() {
		starts, err := count()
		if err != nil {
			fmt.Println("storage:", err)
			os.Exit(1)
		}
		counted <- starts
	}()
	fmt.Printf("%s in Go, start %d\n", os.Getenv("PAVISE_APP"), <-counted)
}
