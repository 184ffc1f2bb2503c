package main

import (
	"fmt"
	"sort"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// schema says everything that decides about bytes and paths in the packages linked into this program: one sorted line
// per message, field, enum value and method.
func schema() []string {
	var lines []string
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if isLibrary(string(file.Package())) {
			return true
		}
		lines = append(lines, enumLines(file.Enums())...)
		lines = append(lines, messageLines(file.Messages())...)
		lines = append(lines, serviceLines(file.Services())...)
		return true
	})
	sort.Strings(lines)
	return lines
}

// isLibrary knows the packages of protobuf, of its HTTP gateway and of grpc-go's log, which are linked in on the way.
func isLibrary(name string) bool {
	return name == "pb" || strings.HasPrefix(name, "google.") || strings.HasPrefix(name, "grpc.gateway.") ||
		name == "grpc.binarylog.v1"
}

func enumLines(enums protoreflect.EnumDescriptors) []string {
	var lines []string
	for i := range enums.Len() {
		values := enums.Get(i).Values()
		for j := range values.Len() {
			value := values.Get(j)
			lines = append(lines, fmt.Sprintf("value %s %s = %d", enums.Get(i).FullName(), value.Name(), value.Number()))
		}
	}
	return lines
}

func messageLines(messages protoreflect.MessageDescriptors) []string {
	var lines []string
	for i := range messages.Len() {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		lines = append(lines, fmt.Sprintf("message %s", message.FullName()))
		fields := message.Fields()
		for j := range fields.Len() {
			field := fields.Get(j)
			lines = append(lines, fmt.Sprintf("field %s = %d %s", field.FullName(), field.Number(), typeOf(field)))
		}
		lines = append(lines, enumLines(message.Enums())...)
		lines = append(lines, messageLines(message.Messages())...)
	}
	return lines
}

func typeOf(field protoreflect.FieldDescriptor) string {
	name := field.Kind().String()
	switch {
	case field.IsMap():
		return fmt.Sprintf("map %s %s", typeOf(field.MapKey()), typeOf(field.MapValue()))
	case field.Message() != nil:
		name = string(field.Message().FullName())
	case field.Enum() != nil:
		name = string(field.Enum().FullName())
	}
	switch {
	case field.IsPacked():
		return "packed " + name
	case field.IsList():
		return "repeated " + name
	case field.ContainingOneof() != nil:
		return fmt.Sprintf("oneof %s %s", field.ContainingOneof().Name(), name)
	case field.HasPresence() && field.Message() == nil:
		return "explicit " + name
	}
	return name
}

func serviceLines(services protoreflect.ServiceDescriptors) []string {
	var lines []string
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for j := range methods.Len() {
			method := methods.Get(j)
			lines = append(lines, fmt.Sprintf("method /%s/%s %s%s %s%s", services.Get(i).FullName(), method.Name(),
				streamed(method.IsStreamingClient()), method.Input().FullName(),
				streamed(method.IsStreamingServer()), method.Output().FullName()))
		}
	}
	return lines
}

func streamed(is bool) string {
	if is {
		return "stream "
	}
	return ""
}
