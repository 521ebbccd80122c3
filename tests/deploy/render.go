// SPDX-License-Identifier: Apache-2.0

// Renders a chart's templates with the few of Helm's functions that it uses. Reads JSON on standard input:
// {"templates": {name: text}, "values": {...}}; writes the documents. For where Helm itself is not at hand.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"text/template"
)

type input struct {
	Templates map[string]string `json:"templates"`
	Values    map[string]any    `json:"values"`
}

func quoted(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	functions := template.FuncMap{
		"quote":  quoted,
		"toYaml": quoted, // JSON is YAML
		"nindent": func(spaces int, text string) string {
			indent := "\n" + strings.Repeat(" ", spaces)
			return indent + strings.ReplaceAll(text, "\n", indent)
		},
		"required": func(why string, value any) (any, error) {
			if value == nil || value == "" {
				return nil, fmt.Errorf("%s", why)
			}
			return value, nil
		},
		"add": func(a, b any) int { return number(a) + number(b) },
		"sub": func(a, b any) int { return number(a) - number(b) },
	}
	names := make([]string, 0, len(in.Templates))
	for name := range in.Templates {
		names = append(names, name)
	}
	sort.Strings(names)
	scope := map[string]any{"Values": in.Values, "Release": map[string]string{"Name": "line"}}
	for _, name := range names {
		made, err := template.New(name).Option("missingkey=error").Funcs(functions).Parse(in.Templates[name])
		if err == nil {
			fmt.Println("---")
			err = made.Execute(os.Stdout, scope)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func number(value any) int {
	switch each := value.(type) {
	case int:
		return each
	case float64:
		return int(each)
	}
	panic(fmt.Sprintf("%v is no number", value))
}
