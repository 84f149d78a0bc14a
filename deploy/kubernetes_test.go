package deploy

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	sidecar = "kubernetes/sidecar.yaml"
	meshed  = "kubernetes/mesh.yaml"
)

// object is what the tests look at of an object of Kubernetes.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas    int
		ServiceName string `yaml:"serviceName"`
		Selector    map[string]any
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
		RunAsUser    int  `yaml:"runAsUser"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name   string
		Secret struct {
			SecretName string `yaml:"secretName"`
		}
	}
}

type container struct {
	Name, Image    string
	Args           []string
	Env            []struct{ Name, Value string }
	Ports          []struct{ Name string }
	LivenessProbe  probe `yaml:"livenessProbe"`
	ReadinessProbe probe `yaml:"readinessProbe"`
	VolumeMounts   []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// objects are those of a file.
func objects(t *testing.T, path string) (all []object) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(read(t, path))); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if o.APIVersion == "" || o.Kind == "" || o.Metadata.Name == "" {
			t.Errorf("%s: an object lacks apiVersion, kind or name: %+v", path, o)
		}
		all = append(all, o)
	}
}

func TestManifests(t *testing.T) {
	for path, workload := range map[string]string{sidecar: "Deployment", meshed: "StatefulSet"} {
		all := objects(t, path)
		i := slices.IndexFunc(all, func(o object) bool { return o.Kind == workload })
		if i < 0 {
			t.Fatalf("%s has no %s", path, workload)
		}
		wantSelected(t, path, all, all[i].Spec.Template.Metadata.Labels)
		wantPod(t, path, all, &all[i].Spec.Template.Spec)
	}
}

// wantSelected finds fault with selectors that miss the pods.
func wantSelected(t *testing.T, path string, all []object, labels map[string]string) {
	t.Helper()
	services := 0
	for _, o := range all {
		selector := o.Spec.Selector
		if o.Kind == "Service" {
			services++
		}
		if inner, ok := selector["matchLabels"].(map[string]any); ok {
			selector = inner
		}
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("%s: %s %s selects %s=%v, the pods have %v", path, o.Kind, o.Metadata.Name, key, value, labels)
			}
		}
	}
	if services == 0 || len(labels) == 0 {
		t.Errorf("%s: %d services for pods with %v", path, services, labels)
	}
}

// wantPod finds fault with names in a pod that nothing has.
func wantPod(t *testing.T, path string, all []object, p *pod) {
	t.Helper()
	if !p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser != 65532 {
		t.Errorf("%s: the pod is no ordinary user's: %+v", path, p.SecurityContext)
	}
	volumes := make(map[string]bool)
	for _, v := range p.Volumes {
		volumes[v.Name] = true
		name := v.Secret.SecretName
		if name != "" && !slices.ContainsFunc(all, func(o object) bool { return o.Kind == "Secret" && o.Metadata.Name == name }) {
			t.Errorf("%s: there is no secret %s", path, name)
		}
	}
	for i := range p.Containers {
		c := &p.Containers[i]
		shares := false
		for _, m := range c.VolumeMounts {
			shares = shares || m.Name == "sockets" && m.MountPath == "/run/c2"
			if !volumes[m.Name] {
				t.Errorf("%s: container %s mounts %s, which is no volume", path, c.Name, m.Name)
			}
		}
		if !shares || !slices.ContainsFunc(c.Env, func(e struct{ Name, Value string }) bool { return e.Name == "XDG_RUNTIME_DIR" && e.Value == "/run/c2" }) {
			t.Errorf("%s: container %s does not look for sockets where the others do", path, c.Name)
		}
		if c.Name == "relay" {
			wantRelay(t, path, c)
		}
	}
}

func wantRelay(t *testing.T, path string, c *container) {
	t.Helper()
	if len(c.Args) == 0 || c.Args[0] != "relay" {
		t.Errorf("%s: the relay is started with %v", path, c.Args)
	}
	for _, p := range []struct{ got, want string }{
		{c.LivenessProbe.HTTPGet.Path, "/healthz"}, {c.ReadinessProbe.HTTPGet.Path, "/readyz"},
		{c.LivenessProbe.HTTPGet.Port, c.Ports[0].Name}, {c.ReadinessProbe.HTTPGet.Port, c.Ports[0].Name},
	} {
		if p.got != p.want {
			t.Errorf("%s: a probe asks %q, want %q", path, p.got, p.want)
		}
	}
}

// TestMeshNames checks that the seeds are the pods by their names in the headless service.
func TestMeshNames(t *testing.T) {
	text := read(t, meshed)
	for _, o := range objects(t, meshed) {
		if o.Kind != "StatefulSet" {
			continue
		}
		if !strings.Contains(text, "--advertise-url=http://$(POD_NAME)."+o.Spec.ServiceName+":8080\n") {
			t.Errorf("the relays do not advertise themselves in %s", o.Spec.ServiceName)
		}
		for i := range o.Spec.Replicas {
			if seed := "http://" + o.Metadata.Name + "-" + string(rune('0'+i)) + "." + o.Spec.ServiceName + ":8080"; !strings.Contains(text, seed) {
				t.Errorf("%s is no seed", seed)
			}
		}
		return
	}
	t.Error("there is no StatefulSet")
}
